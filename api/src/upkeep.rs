//! What is done now and then: holds of runs that are gone are released, content that nobody needs is removed.

use std::sync::Arc;
use std::time::Duration;

use engine_ports::{HoldOwner, RunStore, StoreError};
use registry::{Content, Registry};
use tokio_util::sync::CancellationToken;
use vocab::{Clock, RunId};

/// How long what nobody needs is kept.
const GRACE: Duration = Duration::from_secs(24 * 3600);
/// Time between two rounds.
const EVERY: Duration = Duration::from_secs(3600);
/// What the names of runs begin with, among owners of holds.
const OF_RUNS: &str = "run:";

/// Why holds could not be released.
#[derive(Debug, thiserror::Error)]
enum ReleaseError {
    /// The store of runs.
    #[error(transparent)]
    Runs(#[from] StoreError),
    /// The content store.
    #[error(transparent)]
    Content(#[from] registry::Error),
}

/// A round now, and one every hour, until `stop`.
pub(crate) async fn upkeep(
    registry: Registry,
    runs: Arc<dyn RunStore>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    loop {
        match release_orphans(registry.content(), &*runs).await {
            Ok(0) => {}
            Ok(released) => tracing::info!(runs = released, "holds of runs that are gone were released"),
            Err(error) => tracing::warn!(%error, "holds of runs that are gone could not be released"),
        }
        match registry.sweep(clock.now(), GRACE).await {
            Ok(swept) if swept.files > 0 => {
                tracing::info!(files = swept.files, bytes = swept.bytes, "unused content was removed");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "unused content could not be removed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Releases what is held for runs that the store does not know; how many runs that were. A run is stored before
/// anything is held for it, so that a new one is never taken for one that is gone.
async fn release_orphans(content: &Content, runs: &dyn RunStore) -> Result<usize, ReleaseError> {
    let mut released = 0;
    for owner in content.owners(OF_RUNS).await? {
        let Some(run) = owner.strip_prefix(OF_RUNS).and_then(|id| id.parse::<RunId>().ok()) else { continue };
        // Only what is written as the engine writes it.
        if HoldOwner::Run(run).to_string() == owner && runs.run_any_tenant(run).await?.is_none() {
            content.release(&owner).await?;
            released += 1;
        }
    }
    Ok(released)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use engine_ports::{Commit, NewRun, RunRow};
    use engine_runtime::SystemClock;
    use engine_stores::MemoryRunStore;
    use migrations::{Database, Options, Schema};
    use registry::{FreeSpace, Settings};
    use vocab::{Compensation, Digest, RunStatus, SeededIds, TenantName, Timestamp};

    use super::*;

    fn new_run(id: RunId) -> NewRun {
        let run = RunRow {
            id,
            tenant: TenantName::default_tenant(),
            project: None,
            workflow: "hello".to_owned(),
            plan: Digest::of("plan"),
            trigger: serde_json::Value::Null,
            inputs: BTreeMap::new(),
            status: RunStatus::Succeeded,
            compensation: Compensation::NotNeeded,
            outputs: BTreeMap::new(),
            error: None,
            created_at: Timestamp::default(),
            finished_at: None,
            seq: 1,
        };
        let event = engine_ports::EventRecord {
            seq: 1,
            at: Timestamp::default(),
            kind: "run_created".to_owned(),
            v: 1,
            payload: serde_json::json!({}),
        };
        let commit = Commit {
            run,
            expected_seq: 0,
            events: vec![event],
            steps: Vec::new(),
            effects: Vec::new(),
            leases: Vec::new(),
            memos: Vec::new(),
        };
        NewRun { commit, plan: serde_json::json!({}), origin: None }
    }

    #[tokio::test]
    async fn only_holds_of_runs_that_are_gone_are_released() {
        let folder = tempfile::tempdir().unwrap();
        let ids = Arc::new(SeededIds::default());
        let database =
            Database::open(folder.path().join("registry.db"), Schema::Registry, Options::default()).await;
        let settings = Settings {
            folder: folder.path().to_owned(),
            clock: Arc::new(SystemClock::new()),
            ids: Arc::clone(&ids) as Arc<dyn vocab::IdSource>,
            admission: Arc::new(FreeSpace { folder: folder.path().to_owned(), floor: 0 }),
            lease: EVERY,
            blob_bytes: 1000,
            manifest_bytes: 1000,
        };
        let registry = Registry::open(settings, database.unwrap(), 1).await.unwrap();
        let content = registry.content();
        let blob = content.put_bytes("abc".into()).await.unwrap().digest;
        let runs = MemoryRunStore::new();
        let (known, gone) = (RunId::generate(&*ids), RunId::generate(&*ids));
        runs.create(new_run(known)).await.unwrap();
        let kept = [format!("run:{known}"), "run:nonsense".to_owned(), format!("memo:{}", Digest::of("key"))];
        for owner in kept.iter().chain([&format!("run:{gone}")]) {
            content.hold(owner, std::slice::from_ref(&blob)).await.unwrap();
        }
        assert_eq!(release_orphans(content, &runs).await.unwrap(), 1);
        let mut expected = kept.to_vec();
        expected.sort();
        assert_eq!(content.owners("").await.unwrap(), expected);
        assert_eq!(release_orphans(content, &runs).await.unwrap(), 0);
    }
}
