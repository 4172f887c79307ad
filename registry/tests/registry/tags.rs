//! Tags move one compare-and-set at a time, and remember.

use std::collections::BTreeSet;

use registry::{Error, Event, Expect, Locator, RepositoryName, Tag, TagMove};
use vocab::Digest;

use crate::support::{Store, image};

async fn published(store: &Store, repository: &RepositoryName, texts: &[&str]) -> Vec<Digest> {
    let mut digests = Vec::new();
    for text in texts {
        let descriptor = image(text).put(store.registry.content()).await;
        store.registry.catalog().link_image(repository, &descriptor.digest, "admin").await.unwrap();
        digests.push(descriptor.digest);
    }
    digests
}

#[tokio::test]
async fn a_tag_moves_only_from_what_was_expected_and_keeps_its_history() {
    let store = Store::new().await;
    let catalog = store.registry.catalog();
    let (repository, tag): (RepositoryName, Tag) = ("acme/app".parse().unwrap(), "v1".parse().unwrap());
    let digests = published(&store, &repository, &["one", "two"]).await;
    let [one, two] = [digests[0].clone(), digests[1].clone()];
    let step = async |expected, to| catalog.move_tag(&repository, &tag, expected, to, "ann").await.unwrap();

    assert_eq!(step(Expect::Is(one.clone()), Some(two.clone())).await, TagMove::Conflict { found: None });
    assert_eq!(step(Expect::Absent, Some(one.clone())).await, TagMove::Moved { previous: None });
    assert_eq!(step(Expect::Absent, Some(two.clone())).await, TagMove::Conflict { found: Some(one.clone()) });
    let moved = step(Expect::Is(one.clone()), Some(two.clone())).await;
    assert_eq!(moved, TagMove::Moved { previous: Some(one.clone()) });
    // Moving it to where it is changes nothing.
    step(Expect::Any, Some(two.clone())).await;
    // Undo: back only while it still names what we made it name.
    assert_eq!(step(Expect::Is(one.clone()), None).await, TagMove::Conflict { found: Some(two.clone()) });
    step(Expect::Is(two.clone()), Some(one.clone())).await;
    step(Expect::Is(one.clone()), None).await;

    let history = catalog.tag_history(&repository, &tag, 10).await.unwrap();
    let recorded: Vec<_> = history.into_iter().rev().map(|record| (record.old, record.new)).collect();
    let expected = [
        (None, Some(one.clone())),
        (Some(one.clone()), Some(two.clone())),
        (Some(two), Some(one.clone())),
        (Some(one), None),
    ];
    assert_eq!(recorded, expected);
}

#[tokio::test]
async fn a_tag_never_names_what_the_repository_does_not_hold() {
    let store = Store::new().await;
    let catalog = store.registry.catalog();
    let (repository, tag) = ("acme/app".parse().unwrap(), "v1".parse().unwrap());
    published(&store, &repository, &["here"]).await;
    let elsewhere = image("elsewhere").put(store.registry.content()).await;
    let refused = catalog.move_tag(&repository, &tag, Expect::Any, Some(elsewhere.digest), "ann").await;
    assert!(matches!(refused, Err(Error::UnknownManifest { .. })), "{refused:?}");
    let refused = catalog.delete_tag(&repository, &tag, "ann").await;
    assert!(matches!(refused, Err(Error::UnknownManifest { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_expect_the_same_exactly_one_wins() {
    let store = Store::new().await;
    let (repository, tag): (RepositoryName, Tag) = ("acme/app".parse().unwrap(), "v1".parse().unwrap());
    let texts: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let digests = published(&store, &repository, &texts).await;
    let mut expected = Expect::Absent;
    for round in 0..10 {
        let tries: Vec<_> = digests
            .iter()
            .map(|to| {
                let (catalog, repository, tag) =
                    (store.registry.catalog().clone(), repository.clone(), tag.clone());
                let (expected, to) = (expected.clone(), to.clone());
                tokio::spawn(async move {
                    let moved = catalog.move_tag(&repository, &tag, expected, Some(to.clone()), "ann").await;
                    (to, moved.unwrap())
                })
            })
            .collect();
        let mut winners = BTreeSet::new();
        for attempt in tries {
            let (to, moved) = attempt.await.unwrap();
            // Who moves the tag to where it is already moves nothing.
            if matches!(&moved, TagMove::Moved { previous } if previous.as_ref() != Some(&to)) {
                winners.insert(to);
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        let named = store.registry.catalog().resolve(&repository, &Locator::Tag(tag.clone())).await.unwrap();
        assert_eq!(named.map(|found| found.digest), winners.first().cloned());
        expected = Expect::Is(winners.pop_first().unwrap());
    }
    let history = store.registry.catalog().tag_history(&repository, &tag, 100).await.unwrap();
    assert_eq!(history.len(), 10);
}

#[tokio::test]
async fn deleting_a_manifest_takes_its_tags_and_tells() {
    let store = Store::new().await;
    let catalog = store.registry.catalog();
    let (repository, tag): (RepositoryName, Tag) = ("acme/app".parse().unwrap(), "v1".parse().unwrap());
    let mut events = catalog.events();
    let digest = published(&store, &repository, &["one"]).await.remove(0);
    catalog.move_tag(&repository, &tag, Expect::Any, Some(digest.clone()), "ann").await.unwrap();
    catalog.delete_manifest(&repository, &digest, "bob").await.unwrap();
    assert_eq!(catalog.tags(&repository, 10, "").await.unwrap(), []);
    assert!(matches!(events.recv().await.unwrap(), Event::ManifestPushed { by, .. } if by == "admin"));
    assert!(matches!(events.recv().await.unwrap(), Event::TagMoved { digest: Some(to), .. } if to == digest));
    assert!(matches!(events.recv().await.unwrap(), Event::TagMoved { digest: None, by, .. } if by == "bob"));
    assert!(matches!(events.recv().await.unwrap(), Event::ManifestDeleted { .. }));
}

#[tokio::test]
async fn linking_an_index_links_its_children_and_moves_no_byte() {
    let store = Store::new().await;
    let content = store.registry.content();
    let repository = "acme/multi".parse().unwrap();
    let [amd64, arm64] = [image("amd64").put(content).await, image("arm64").put(content).await];
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [amd64, arm64] }).to_string();
    let index = content.put_manifest(index.into(), "application/vnd.oci.image.index.v1+json").await.unwrap();
    let before = store.files();
    store.registry.catalog().link_image(&repository, &index.digest, "admin").await.unwrap();
    assert_eq!(store.files(), before);
    for digest in [&index.digest, &amd64.digest, &arm64.digest] {
        let found =
            store.registry.catalog().resolve(&repository, &Locator::Digest(digest.clone())).await.unwrap();
        assert_eq!(found.map(|found| found.digest).as_ref(), Some(digest));
    }
    let layer = Digest::of(&image("arm64").layer);
    assert!(store.registry.catalog().blob(&repository, &layer).await.unwrap().is_some());
    let unknown = store.registry.catalog().link_image(&repository, &Digest::of("x"), "admin").await;
    assert!(matches!(unknown, Err(Error::UnknownContent { .. })));
}
