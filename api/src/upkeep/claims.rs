//! Claims on images whose run is gone.
//!
//! Such a claim still says that somebody published the image and did not take it back, so it may not just end: the undo
//! of a later run that published the same would take the image away from those who use it. But one claim says that as
//! well as the thousands that a run each night leaves.

use engine_ports::RunStore;
use registry::Catalog;
use vocab::RunId;

use super::round::UpkeepError;

/// What publishers that are runs begin with: `run:RUN/STEP`.
const OF_RUNS: &str = "run:";
/// Who claims what runs published that are gone. No run has that name.
const HEIR: &str = "run:removed";

/// Puts one claim in the place of those of runs that the store does not know; how many publishers those were. A run is
/// stored before it publishes anything, so that a new one is never taken for one that is gone.
pub(super) async fn merge_claims(catalog: &Catalog, runs: &dyn RunStore) -> Result<usize, UpkeepError> {
    let mut gone = Vec::new();
    // Sorted, so that the steps of a run stand together.
    let mut last: Option<(RunId, bool)> = None;
    for publisher in catalog.publishers(OF_RUNS).await? {
        let Some(run) = run_of(&publisher) else { continue };
        let is_gone = match last {
            Some((known, is_gone)) if known == run => is_gone,
            _ => runs.run_any_tenant(run).await?.is_none(),
        };
        last = Some((run, is_gone));
        if is_gone {
            gone.push(publisher);
        }
    }
    catalog.hand_over_claims(&gone, HEIR).await?;
    Ok(gone.len())
}

fn run_of(publisher: &str) -> Option<RunId> {
    publisher.strip_prefix(OF_RUNS)?.split_once('/')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use registry::{RepositoryName, Withdrawal};
    use serde_json::json;
    use tokio_util::sync::CancellationToken;
    use vocab::RunStatus;

    use super::*;
    use crate::upkeep::world::World;

    #[tokio::test]
    async fn claims_of_runs_that_are_gone_become_one_and_the_image_stays() {
        let world = World::new().await;
        let (catalog, runs) = (world.upkeep.registry.catalog(), &*world.upkeep.runs);
        let repository: RepositoryName = "default/app".parse().unwrap();
        let content = world.upkeep.registry.content();
        let config = content.put_bytes("{}".into()).await.unwrap();
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type, "layers": [],
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.digest, "size": 2 },
        });
        let image = content.put_manifest(manifest.to_string().into(), media_type).await.unwrap().digest;
        let known = world.run(RunStatus::Succeeded, &[]).await;
        let by = |run: RunId, step: &str| format!("run:{run}/{step}");
        let mut publishers = vec![by(known, "push"), "ann".to_owned(), "run:nonsense".to_owned()];
        for _ in 0..2 {
            let gone = RunId::generate(&*world.ids);
            publishers.extend([by(gone, "a"), by(gone, "b")]);
        }
        for publisher in &publishers {
            catalog.link_image(&repository, &image, publisher).await.unwrap();
        }
        assert_eq!(merge_claims(catalog, runs).await.unwrap(), 4);
        let mut left = vec!["ann".to_owned(), by(known, "push"), "run:nonsense".to_owned(), HEIR.to_owned()];
        left.sort();
        assert_eq!(catalog.publishers("").await.unwrap(), left);
        assert_eq!(merge_claims(catalog, runs).await.unwrap(), 0);
        // Every round does it; and what a forgotten run published is not taken away by the undo of the others.
        assert!(runs.remove(known).await.unwrap());
        world.upkeep.round(&CancellationToken::new()).await;
        left.retain(|publisher| *publisher != by(known, "push"));
        assert_eq!(catalog.publishers("").await.unwrap(), left);
        for publisher in ["ann", "run:nonsense"] {
            let found = catalog.withdraw_image(&repository, &image, publisher, "undo").await.unwrap();
            assert_eq!(found, Withdrawal::Claimed);
        }
        assert_eq!(catalog.publishers("").await.unwrap(), [HEIR]);
    }
}
