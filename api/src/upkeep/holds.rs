//! Holds of owners that are gone: left by a crash between the removal of a run and the release of what it held, or
//! between a hold for a run or a cache entry and the commit of that run or entry.

use std::time::Duration;

use engine_ports::{HoldOwner, RunStore};
use registry::Content;
use vocab::{Digest, Timestamp};

use super::round::UpkeepError;

/// What the names of runs begin with, among owners of holds.
const OF_RUNS: &str = "run:";
/// What the names of cache entries begin with.
const OF_MEMOS: &str = "memo:";
/// How long a run or a cache entry may take from its first hold to its commit.
const GRACE: Duration = Duration::from_secs(24 * 3600);

/// Releases what is held for runs that the store does not know; how many runs that were. A run that takes over from
/// another one is stored after what it takes over is held for it, so it has a grace.
pub(super) async fn release_runs(
    content: &Content,
    runs: &dyn RunStore,
    now: Timestamp,
) -> Result<usize, UpkeepError> {
    let before = now.minus(GRACE);
    let mut released = 0;
    for holder in content.owners(OF_RUNS).await?.into_iter().filter(|holder| holder.since <= before) {
        let Ok(HoldOwner::Run(run)) = holder.owner.parse() else { continue };
        if runs.run_any_tenant(run).await?.is_none() && content.release_stale(&holder.owner, before).await? {
            released += 1;
        }
    }
    Ok(released)
}

/// Releases what is held for cache entries that the store does not know; how many entries that were. An entry is
/// stored after its holds, so it has a grace.
pub(super) async fn release_memos(
    content: &Content,
    runs: &dyn RunStore,
    now: Timestamp,
) -> Result<usize, UpkeepError> {
    let before = now.minus(GRACE);
    let mut released = 0;
    for holder in content.owners(OF_MEMOS).await?.into_iter().filter(|holder| holder.since <= before) {
        let gone = match holder.owner.parse() {
            Ok(HoldOwner::Memo(key)) => runs.memo(&key).await?.is_none(),
            // Before the tenant and the scope stood in the name. No entry is found by such a name any more.
            _ => holder.owner.strip_prefix(OF_MEMOS).is_some_and(|key| key.parse::<Digest>().is_ok()),
        };
        // Whoever holds for that entry again meanwhile keeps it.
        if gone && content.release_stale(&holder.owner, before).await? {
            released += 1;
        }
    }
    Ok(released)
}

#[cfg(test)]
mod tests {
    use engine_ports::MemoKey;
    use vocab::{Clock as _, RunId, RunStatus, TenantName};

    use super::super::world::World;
    use super::*;

    async fn hold(world: &World, owners: &[String]) {
        let content = world.upkeep.registry.content();
        let blob = content.put_bytes("abc".into()).await.unwrap().digest;
        for owner in owners {
            content.hold(owner, std::slice::from_ref(&blob)).await.unwrap();
        }
    }

    async fn owners(world: &World) -> Vec<String> {
        let holders = world.upkeep.registry.content().owners("").await.unwrap();
        holders.into_iter().map(|holder| holder.owner).collect()
    }

    #[tokio::test]
    async fn only_holds_of_runs_that_are_gone_are_released() {
        let world = World::new().await;
        let (content, runs) = (world.upkeep.registry.content(), &*world.upkeep.runs);
        let known = world.run(RunStatus::Succeeded, &[]).await;
        let gone = RunId::generate(&*world.ids);
        let mut kept =
            [format!("run:{known}"), "run:nonsense".to_owned(), format!("memo:{}", Digest::of("key"))];
        hold(&world, &kept).await;
        hold(&world, &[format!("run:{gone}")]).await;
        assert_eq!(release_runs(content, runs, world.clock.now()).await.unwrap(), 0, "perhaps on its way");
        world.clock.advance(GRACE);
        assert_eq!(release_runs(content, runs, world.clock.now()).await.unwrap(), 1);
        kept.sort();
        assert_eq!(owners(&world).await, kept);
        assert_eq!(release_runs(content, runs, world.clock.now()).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn holds_of_cache_entries_that_were_never_stored_are_released_after_a_day() {
        let world = World::new().await;
        let (content, runs) = (world.upkeep.registry.content(), &*world.upkeep.runs);
        let key = |text: &str| MemoKey {
            tenant: TenantName::default_tenant(),
            scope: "protected".to_owned(),
            digest: Digest::of(text),
        };
        let stored = HoldOwner::Memo(key("stored")).to_string();
        world.memo(key("stored")).await;
        let kept = ["memo:nonsense".to_owned(), stored];
        let gone = [HoldOwner::Memo(key("lost")).to_string(), format!("memo:{}", Digest::of("old form"))];
        hold(&world, &kept).await;
        hold(&world, &gone).await;
        assert_eq!(release_memos(content, runs, world.clock.now()).await.unwrap(), 0, "perhaps on their way");
        world.clock.advance(GRACE);
        assert_eq!(release_memos(content, runs, world.clock.now()).await.unwrap(), 2);
        let mut kept = kept.to_vec();
        kept.sort();
        assert_eq!(owners(&world).await, kept);
    }
}
