//! Holds of runs that are gone: left by a crash between the removal of a run and the release of what it held.

use engine_ports::{HoldOwner, RunStore};
use registry::Content;
use vocab::RunId;

use super::round::UpkeepError;

/// What the names of runs begin with, among owners of holds.
const OF_RUNS: &str = "run:";

/// Releases what is held for runs that the store does not know; how many runs that were. A run is stored before
/// anything is held for it, so that a new one is never taken for one that is gone.
pub(super) async fn release_orphans(content: &Content, runs: &dyn RunStore) -> Result<usize, UpkeepError> {
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
    use vocab::{Digest, RunStatus};

    use super::super::world::World;
    use super::*;

    #[tokio::test]
    async fn only_holds_of_runs_that_are_gone_are_released() {
        let world = World::new().await;
        let (content, runs) = (world.upkeep.registry.content(), &*world.upkeep.runs);
        let blob = content.put_bytes("abc".into()).await.unwrap().digest;
        let known = world.run(RunStatus::Succeeded, &[]).await;
        let gone = RunId::generate(&*world.ids);
        let kept = [format!("run:{known}"), "run:nonsense".to_owned(), format!("memo:{}", Digest::of("key"))];
        for owner in kept.iter().chain([&format!("run:{gone}")]) {
            content.hold(owner, std::slice::from_ref(&blob)).await.unwrap();
        }
        assert_eq!(release_orphans(content, runs).await.unwrap(), 1);
        let mut expected = kept.to_vec();
        expected.sort();
        assert_eq!(content.owners("").await.unwrap(), expected);
        assert_eq!(release_orphans(content, runs).await.unwrap(), 0);
    }
}
