//! Moving a tag, twice, after failures, against others, and putting it back.

use engine_ports::{Expect, ImageStore as _, Repository};
use steps_kit::harness::{Harness, check_contract, check_superseded};
use steps_kit::outputs;
use vocab::{ErrorClass, Inputs};

use super::*;

fn repository(harness: &Harness) -> Repository {
    Repository::new(&harness.tenant, "golden/debian").unwrap()
}

/// A world with two images in the repository, where `stable` names `before`.
async fn world(before: Option<&str>) -> (Harness, Inputs) {
    let harness = Harness::new();
    let repository = repository(&harness);
    for seed in ["old", "new", "other"] {
        harness.images.push(&repository, &harness.images.put_image(seed), "them").await.unwrap();
    }
    if let Some(seed) = before {
        point(&harness, seed).await;
    }
    let digest = harness.images.put_image("new").digest;
    let given = outputs([("reference", format!("{repository}@{digest}").into()), ("tag", "stable".into())]);
    (harness, given)
}

async fn point(harness: &Harness, seed: &str) {
    let digest = harness.images.put_image(seed).digest;
    let repository = repository(harness);
    harness.images.move_tag(&repository, "stable", Expect::Any, Some(&digest), "them").await.unwrap();
}

#[tokio::test]
async fn the_action_keeps_its_contract_whatever_the_tag_named_before() {
    for before in [None, Some("old"), Some("new")] {
        check_contract(&RegistryTag::new(), async || world(before).await).await;
    }
}

#[tokio::test]
async fn an_undo_leaves_a_tag_alone_that_somebody_moved_or_removed() {
    let action = RegistryTag::new();
    let setup = async || world(Some("old")).await;
    check_superseded(&action, setup, async |harness: &Harness| point(harness, "other").await).await;
    check_superseded(&action, setup, async |harness: &Harness| {
        harness.images.move_tag(&repository(harness), "stable", Expect::Any, None, "them").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_outputs_say_what_the_tag_named_before() {
    let (harness, given) = world(Some("old")).await;
    let tagged = harness.run(&RegistryTag::new(), given).await.unwrap();
    let digest = |seed| harness.images.put_image(seed).digest.to_string();
    assert_eq!(tagged["previous"].as_str(), Some(digest("old").as_str()));
    assert_eq!(tagged["digest"].as_str(), Some(digest("new").as_str()));
    assert_eq!(tagged["reference"].as_str(), Some("acme/golden/debian:stable"));
}

#[tokio::test]
async fn an_intent_that_somebody_overtook_is_dropped_and_tried_again() {
    let (harness, given) = world(Some("old")).await;
    harness.journal.fail_at(steps_kit::harness::Fault::After(0));
    harness.run(&RegistryTag::new(), given.clone()).await.unwrap_err();
    point(&harness, "other").await;
    let error = harness.run(&RegistryTag::new(), given.clone()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Transient, "{error}");
    let other = harness.images.put_image("other").digest.to_string();
    assert!(error.message.contains(&other), "{error}");
    let tagged = harness.run(&RegistryTag::new(), given).await.unwrap();
    assert_eq!(tagged["previous"].as_str(), Some(other.as_str()));
}

#[tokio::test]
async fn an_image_and_its_repository_do_as_well_as_a_reference() {
    let (harness, _) = world(None).await;
    let image = harness.images.put_image("new");
    let given =
        outputs([("image", image.into()), ("repository", "golden/debian".into()), ("tag", "stable".into())]);
    assert!(harness.run(&RegistryTag::new(), given).await.is_ok());
}

#[tokio::test]
async fn what_does_not_name_one_published_image_is_refused() {
    let (harness, given) = world(None).await;
    let with = |name: &str, value: vocab::Value| {
        let mut given = given.clone();
        given.insert(name.to_owned(), value);
        given
    };
    let mut none = given.clone();
    none.remove("reference");
    let before = harness.images.snapshot();
    for wrong in [
        none,
        with("image", harness.images.put_image("new").into()),
        with("repository", "elsewhere".into()),
        with("reference", harness.images.put_image("new").digest.to_string().into()),
        with("reference", format!("acme/golden/debian@{}", vocab::Digest::of("x")).into()),
        with("reference", format!("rival/golden/debian@{}", harness.images.put_image("new").digest).into()),
        with("tag", "../stable".into()),
    ] {
        let error = harness.run(&RegistryTag::new(), wrong).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permanent, "{error}");
    }
    assert_eq!(harness.images.snapshot(), before);
    assert_eq!(harness.journal.records(), []);
}

#[tokio::test]
async fn the_history_of_a_tag_names_the_step_of_the_run_that_moved_it() {
    let (harness, given) = world(Some("old")).await;
    let action = RegistryTag::new();
    harness.run(&action, given).await.unwrap();
    let run = harness.journal.records()[0].key.run;
    harness.compensate(&action).await.unwrap();
    let authors = harness.images.authors();
    let expected = [format!("move by run:{run}/step"), format!("move by undo of run:{run}/step")];
    assert!(authors.ends_with(&expected), "{authors:?}");
}
