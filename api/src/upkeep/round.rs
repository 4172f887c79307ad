//! The rounds: each does everything once, and a failure of one part keeps no other from its turn.

use std::sync::Arc;
use std::time::Duration;

use engine_ports::{ProjectStore, RunStore, StoreError};
use engine_runtime::Logs;
use registry::Registry;
use tokio_util::sync::CancellationToken;
use vocab::Clock;

use super::Policy;
use super::cache::forget_unused;
use super::claims::merge_claims;
use super::holds::{release_memos, release_runs};
use super::prune::{Pruned, prune};

/// How long what nobody needs is kept.
const GRACE: Duration = Duration::from_secs(24 * 3600);
/// Time between two rounds.
const EVERY: Duration = Duration::from_secs(3600);

/// What is kept up.
pub(crate) struct Upkeep {
    pub(crate) registry: Registry,
    pub(crate) runs: Arc<dyn RunStore>,
    pub(crate) projects: Arc<dyn ProjectStore>,
    pub(crate) logs: Logs,
    pub(crate) clock: Arc<dyn Clock>,
    /// What may go; nothing where there is none.
    pub(crate) policy: Option<Policy>,
    /// How long entries of the cache stay that nobody uses; for ever where it is not given.
    pub(crate) unused: Option<Duration>,
}

/// Why a part of a round ended early. The next round goes on.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpkeepError {
    /// A store of the engine.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The content store.
    #[error(transparent)]
    Content(#[from] registry::Error),
}

/// A round now, and one every hour, until `stop`.
pub(crate) async fn upkeep(upkeep: Upkeep, stop: CancellationToken) {
    loop {
        upkeep.round(&stop).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

impl Upkeep {
    pub(super) async fn round(&self, stop: &CancellationToken) {
        if let Some(age) = self.unused {
            let content = self.registry.content();
            match forget_unused(content, &*self.runs, age, self.clock.now(), stop).await {
                Ok(0) => {}
                Ok(entries) => tracing::info!(
                    entries,
                    "cache entries that no run used for `retention.cache_days` were forgotten"
                ),
                Err(error) => tracing::warn!(%error, "unused cache entries could not be forgotten"),
            }
        }
        if let Some(policy) = self.policy {
            match prune(self, policy, self.clock.now(), stop).await {
                Ok(pruned) if pruned == Pruned::default() => {}
                Ok(Pruned { runs, deliveries }) => {
                    tracing::info!(runs, deliveries, "what is older than `retention.runs_days` was removed");
                }
                Err(error) => tracing::warn!(%error, "old runs could not be removed"),
            }
        }
        match release_runs(self.registry.content(), &*self.runs, self.clock.now()).await {
            Ok(0) => {}
            Ok(released) => tracing::info!(runs = released, "holds of runs that are gone were released"),
            Err(error) => tracing::warn!(%error, "holds of runs that are gone could not be released"),
        }
        match release_memos(self.registry.content(), &*self.runs, self.clock.now()).await {
            Ok(0) => {}
            Ok(released) => tracing::info!(entries = released, "holds of lost cache entries were released"),
            Err(error) => tracing::warn!(%error, "holds of lost cache entries could not be released"),
        }
        match merge_claims(self.registry.catalog(), &*self.runs).await {
            Ok(0) => {}
            Ok(publishers) => tracing::info!(publishers, "claims on images of runs that are gone became one"),
            Err(error) => tracing::warn!(%error, "claims of runs that are gone could not be merged"),
        }
        match self.registry.sweep(self.clock.now(), GRACE).await {
            Ok(swept) if swept.files > 0 => {
                tracing::info!(files = swept.files, bytes = swept.bytes, "unused content was removed");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "unused content could not be removed"),
        }
    }
}
