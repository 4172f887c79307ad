//! Publishing, twice, after failures, and taking back.

use engine_ports::{Expect, ImageStore as _, Repository};
use steps_kit::harness::{Fault, Harness, check_contract, check_superseded};
use steps_kit::outputs;
use vocab::{EffectState, Inputs};

use super::*;

fn given(harness: &Harness) -> Inputs {
    outputs([("image", harness.images.put_image("one").into()), ("repository", "golden/debian".into())])
}

async fn setup() -> (Harness, Inputs) {
    let harness = Harness::new();
    let given = given(&harness);
    (harness, given)
}

fn repository(harness: &Harness) -> Repository {
    Repository::new(&harness.tenant, "golden/debian").unwrap()
}

#[tokio::test]
async fn the_action_keeps_its_contract() {
    check_contract(&RegistryPush::new(), setup).await;
}

#[tokio::test]
async fn the_reference_begins_with_the_tenant() {
    let (harness, given) = setup().await;
    let pushed = harness.run(&RegistryPush::new(), given).await.unwrap();
    let digest = harness.images.put_image("one").digest;
    assert_eq!(pushed["reference"].as_str(), Some(format!("acme/golden/debian@{digest}").as_str()));
    assert_eq!(pushed["digest"].as_str(), Some(digest.to_string().as_str()));
}

#[tokio::test]
async fn what_was_there_before_stays_after_an_undo() {
    let setup = async || {
        let (harness, given) = setup().await;
        let image = harness.images.put_image("one");
        harness.images.push(&repository(&harness), &image, "them").await.unwrap();
        (harness, given)
    };
    check_contract(&RegistryPush::new(), setup).await;
}

#[tokio::test]
async fn an_image_that_somebody_tagged_since_is_left_alone() {
    check_superseded(&RegistryPush::new(), setup, async |harness: &Harness| {
        let digest = harness.images.put_image("one").digest;
        let repository = repository(harness);
        harness.images.move_tag(&repository, "theirs", Expect::Any, Some(&digest), "them").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_another_run_published_meanwhile_stays_for_it() {
    let (harness, given) = setup().await;
    let action = RegistryPush::new();
    let (image, repository) = (harness.images.put_image("one"), repository(&harness));
    harness.run(&action, given).await.unwrap();
    harness.images.push(&repository, &image, "run:other/push").await.unwrap();
    let theirs = harness.images.snapshot();
    assert_eq!(harness.compensate(&action).await.unwrap(), [UndoOutcome::Undone]);
    assert_eq!(harness.images.snapshot(), theirs);
    harness.images.withdraw(&repository, &image.digest, "run:other/push", "undo").await.unwrap();
    assert_eq!(harness.images.snapshot(), "", "nobody publishes it any more");
}

#[tokio::test]
async fn an_attempt_that_finds_anothers_image_publishes_for_itself() {
    let (harness, given) = setup().await;
    let action = RegistryPush::new();
    let (image, repository) = (harness.images.put_image("one"), repository(&harness));
    // Lost between its intent and its push; meanwhile another run publishes, and the probe finds that.
    harness.journal.fail_at(Fault::After(0));
    harness.run(&action, given.clone()).await.unwrap_err();
    harness.images.push(&repository, &image, "run:other/push").await.unwrap();
    let record = harness.journal.records().remove(0);
    let Presence::Present(handle) = action.probe(&harness.undo_context(), &record).await.unwrap() else {
        panic!("the image is there");
    };
    harness.journal.conclude(record.seq, EffectState::Made, Some(handle));
    harness.run(&action, given).await.unwrap();
    harness.images.withdraw(&repository, &image.digest, "run:other/push", "undo").await.unwrap();
    let found = harness.images.resolve(&repository, &image.digest.to_string()).await.unwrap();
    assert_eq!(found, Some(image), "what this run published is still there");
}

#[tokio::test]
async fn names_that_are_no_repository_are_refused() {
    for name in ["", "../other", "UPPER", "a//b", "/a", "a@b"] {
        let (harness, mut given) = setup().await;
        given.insert("repository".to_owned(), name.into());
        assert!(harness.run(&RegistryPush::new(), given).await.is_err(), "{name}");
        assert_eq!(harness.images.snapshot(), "");
    }
}

#[tokio::test]
async fn the_repository_remembers_which_step_of_which_run_published_and_took_back() {
    let (harness, given) = setup().await;
    let action = RegistryPush::new();
    harness.run(&action, given).await.unwrap();
    let run = harness.journal.records()[0].key.run;
    harness.compensate(&action).await.unwrap();
    let expected = [format!("push by run:{run}/step"), format!("withdraw by undo of run:{run}/step")];
    assert_eq!(harness.images.authors(), expected);
}
