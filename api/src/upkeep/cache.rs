//! Entries of the cache that nobody uses any more are forgotten, and what they hold is released.

use std::time::Duration;

use engine_ports::{HoldOwner, MemoEntry, RunStore};
use registry::Content;
use tokio_util::sync::CancellationToken;
use vocab::Timestamp;

use super::policy::DAY;
use super::round::UpkeepError;
use crate::config::RetentionConfig;

/// Entries that are looked at in one statement.
const PAGE: u32 = 200;

/// How long an entry stays that nobody uses; `None` when it stays for ever.
pub(crate) fn unused_age(config: &RetentionConfig) -> Option<Duration> {
    (config.cache_days > 0).then(|| Duration::from_secs(config.cache_days.saturating_mul(DAY)))
}

/// Forgets the entries that were not used for `age`; how many those were. A use may be younger than its note, so that
/// a note has to be older than `age` by as much.
pub(super) async fn forget_unused(
    content: &Content,
    runs: &dyn RunStore,
    age: Duration,
    now: Timestamp,
    stop: &CancellationToken,
) -> Result<usize, UpkeepError> {
    let before = now.minus(age.saturating_add(MemoEntry::USE_NOTED));
    let mut forgotten = 0;
    loop {
        let page = runs.idle_memos(before, None, PAGE).await?;
        if page.is_empty() {
            return Ok(forgotten);
        }
        for key in page {
            if stop.is_cancelled() {
                return Ok(forgotten);
            }
            runs.forget_memo(&key).await?;
            // Whoever makes the entry anew holds for it later than this, and keeps that.
            content.release_stale(&HoldOwner::Memo(key).to_string(), before).await?;
            forgotten += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use engine_ports::MemoKey;
    use vocab::{Clock as _, Digest, TenantName};

    use super::super::world::World;
    use super::*;

    const AGE: Duration = Duration::from_secs(2 * DAY);
    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn an_entry_that_no_run_used_for_the_age_goes_with_what_it_holds() {
        let world = World::new().await;
        let (content, runs) = (world.upkeep.registry.content(), &*world.upkeep.runs);
        let stop = CancellationToken::new();
        let forget = async || forget_unused(content, runs, AGE, world.clock.now(), &stop).await.unwrap();
        let keys = ["used", "unused"].map(|text| MemoKey {
            tenant: TenantName::default_tenant(),
            scope: "protected".to_owned(),
            digest: Digest::of(text),
        });
        for key in &keys {
            let blob = content.put_bytes(key.digest.to_string().into()).await.unwrap().digest;
            let owner = HoldOwner::Memo(key.clone()).to_string();
            content.hold(&owner, std::slice::from_ref(&blob)).await.unwrap();
            world.memo(key.clone()).await;
        }
        let [used, unused] = &keys;
        world.clock.advance(AGE + MemoEntry::USE_NOTED);
        assert_eq!(
            forget().await,
            0,
            "a use just before the next note would have been due is within the age"
        );
        runs.use_memo(used, world.clock.now()).await.unwrap();
        world.clock.advance(SECOND);
        assert_eq!(forget().await, 1);
        assert!(runs.memo(used).await.unwrap().is_some());
        assert!(runs.memo(unused).await.unwrap().is_none());
        let owners: Vec<_> =
            content.owners("").await.unwrap().into_iter().map(|holder| holder.owner).collect();
        assert_eq!(owners, [HoldOwner::Memo(used.clone()).to_string()]);
        world.clock.advance(AGE + MemoEntry::USE_NOTED);
        assert_eq!(forget().await, 1);
        assert_eq!(content.owners("").await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_round_forgets_nothing_where_the_configuration_keeps_entries_for_ever() {
        let mut world = World::new().await;
        let config = |cache_days| RetentionConfig { runs_days: 0, runs_per_workflow_min: 0, cache_days };
        let key = MemoKey {
            tenant: TenantName::default_tenant(),
            scope: "protected".to_owned(),
            digest: Digest::of("k"),
        };
        world.memo(key.clone()).await;
        world.clock.advance(Duration::from_secs(10_000 * DAY));
        for (cache_days, stays) in [(0, true), (u64::MAX, true), (20_000, true), (9_000, false)] {
            world.upkeep.unused = unused_age(&config(cache_days));
            world.upkeep.round(&CancellationToken::new()).await;
            assert_eq!(world.upkeep.runs.memo(&key).await.unwrap().is_some(), stays, "{cache_days}");
        }
    }
}
