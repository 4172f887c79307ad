//! Entries of the cache that nobody uses any more are forgotten, and what they hold is released.

use std::time::Duration;

use engine_ports::{HoldOwner, RunStore};
use registry::Content;
use tokio_util::sync::CancellationToken;
use vocab::Timestamp;

use super::round::UpkeepError;

/// How long an entry stays that nobody uses.
pub(crate) const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);
/// Entries that are looked at in one statement.
const PAGE: u32 = 200;

/// Forgets the entries that were not used for `age`; how many those were.
///
/// A run that takes the outputs of an entry holds their content for itself, so the newest hold of somebody else on
/// what an entry holds tells when the entry was used last. That is written down before the run and its holds may go.
/// An entry without content is as old as it was made.
pub(super) async fn forget_unused(
    content: &Content,
    runs: &dyn RunStore,
    age: Duration,
    now: Timestamp,
    stop: &CancellationToken,
) -> Result<usize, UpkeepError> {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let before = Timestamp::from_millis(now.as_millis().saturating_sub(age));
    let (mut forgotten, mut after) = (0, None);
    loop {
        let page = runs.idle_memos(before, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(forgotten) };
        after = Some(last.clone());
        for key in page {
            if stop.is_cancelled() {
                return Ok(forgotten);
            }
            let owner = HoldOwner::Memo(key.clone()).to_string();
            match content.shared_since(&owner).await? {
                Some(used) if used >= before => runs.use_memo(&key, used).await?,
                _ => {
                    runs.forget_memo(&key).await?;
                    // Whoever makes the entry anew holds for it later than this, and keeps that.
                    content.release_stale(&owner, before).await?;
                    forgotten += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use engine_ports::MemoKey;
    use vocab::{Clock as _, Digest, TenantName};

    use super::super::world::World;
    use super::*;

    #[tokio::test]
    async fn an_entry_that_no_run_used_for_the_age_goes_with_what_it_holds() {
        let world = World::new().await;
        let (content, runs) = (world.upkeep.registry.content(), &*world.upkeep.runs);
        let stop = CancellationToken::new();
        let forget = async || forget_unused(content, runs, UNUSED, world.clock.now(), &stop).await.unwrap();
        let keys = ["used", "unused"].map(|text| MemoKey {
            tenant: TenantName::default_tenant(),
            scope: "protected".to_owned(),
            digest: Digest::of(text),
        });
        let mut blobs = Vec::new();
        for key in &keys {
            let blob = content.put_bytes(key.digest.to_string().into()).await.unwrap().digest;
            let owner = HoldOwner::Memo(key.clone()).to_string();
            content.hold(&owner, std::slice::from_ref(&blob)).await.unwrap();
            world.memo(key.clone()).await;
            blobs.push(blob);
        }
        world.clock.advance(UNUSED);
        assert_eq!(forget().await, 0);
        content.hold("run:that hits", &blobs[..1]).await.unwrap();
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(forget().await, 1);
        let [used, unused] = &keys;
        assert!(runs.memo(used).await.unwrap().is_some());
        assert!(runs.memo(unused).await.unwrap().is_none());
        let unused = HoldOwner::Memo(unused.clone()).to_string();
        assert!(content.owners("memo:").await.unwrap().iter().all(|holder| holder.owner != unused));
        // The use stays known when the run is gone.
        content.release("run:that hits").await.unwrap();
        assert_eq!(forget().await, 0);
        world.clock.advance(UNUSED);
        assert_eq!(forget().await, 1);
        assert_eq!(content.owners("").await.unwrap(), []);
    }
}
