//! Removing tags and images, twice, after failures, against others, and putting them back.

use engine_ports::{Expect, ImageStore as _, Repository};
use steps_kit::harness::{Harness, check_contract, check_superseded};
use steps_kit::outputs;
use vocab::{ErrorClass, Inputs, Value};

use super::*;

fn repository(harness: &Harness) -> Repository {
    Repository::new(&harness.tenant, "golden/debian").unwrap()
}

async fn point(harness: &Harness, seed: &str) {
    let digest = harness.images.put_image(seed).digest;
    let repository = repository(harness);
    harness.images.move_tag(&repository, "candidate", Expect::Any, Some(&digest), "them").await.unwrap();
}

/// A world where `candidate` names one of two images; the other has no tag.
async fn world(name: &str, value: &str) -> (Harness, Inputs) {
    let harness = Harness::new();
    for seed in ["tagged", "loose"] {
        harness.images.push(&repository(&harness), &harness.images.put_image(seed), "them").await.unwrap();
    }
    point(&harness, "tagged").await;
    (harness, outputs([("repository", "golden/debian".into()), (name, value.into())]))
}

fn digest_of(seed: &str) -> String {
    Harness::new().images.put_image(seed).digest.to_string()
}

#[tokio::test]
async fn the_action_keeps_its_contract_for_tags_images_and_nothing() {
    let action = RegistryDelete::new();
    check_contract(&action, async || world("tag", "candidate").await).await;
    check_contract(&action, async || world("digest", &digest_of("loose")).await).await;
    check_contract(&action, async || world("tag", "no-such-tag").await).await;
}

#[tokio::test]
async fn a_tag_that_somebody_made_again_is_left_alone() {
    let setup = async || world("tag", "candidate").await;
    check_superseded(&RegistryDelete::new(), setup, async |harness: &Harness| point(harness, "loose").await)
        .await;
}

#[tokio::test]
async fn the_outputs_say_what_was_removed() {
    let (harness, given) = world("tag", "candidate").await;
    let removed = harness.run(&RegistryDelete::new(), given).await.unwrap();
    assert_eq!(removed["digest"].as_str(), Some(digest_of("tagged").as_str()));
    let (harness, given) = world("tag", "no-such-tag").await;
    let before = harness.images.snapshot();
    assert_eq!(harness.run(&RegistryDelete::new(), given).await.unwrap()["digest"], Value::Null);
    assert_eq!(harness.images.snapshot(), before);
}

#[tokio::test]
async fn an_image_that_a_tag_names_is_not_taken_out() {
    let (harness, given) = world("digest", &digest_of("tagged")).await;
    let before = harness.images.snapshot();
    let error = harness.run(&RegistryDelete::new(), given).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Permanent);
    assert!(error.message.contains("candidate") && error.help.is_some(), "{error}");
    assert_eq!(harness.images.snapshot(), before);
    assert_eq!(harness.compensate(&RegistryDelete::new()).await.unwrap(), []);
}

#[tokio::test]
async fn tag_and_digest_together_or_neither_are_refused() {
    let (harness, given) = world("tag", "candidate").await;
    let mut both = given.clone();
    both.insert("digest".to_owned(), digest_of("loose").into());
    let mut neither = given;
    neither.remove("tag");
    for wrong in [both, neither] {
        assert!(harness.run(&RegistryDelete::new(), wrong).await.unwrap_err().help.is_some());
    }
}
