//! What a publisher takes back leaves everything that others publish, tag or need.

use registry::{Descriptor, Event, Expect, Locator, RepositoryName, Withdrawal};

use crate::support::{MANIFEST, Server, Store, image};

const A: &str = "run:a/push";
const B: &str = "run:b/push";

fn repository() -> RepositoryName {
    "acme/app".parse().unwrap()
}

async fn link(store: &Store, image: &Descriptor, by: &str) -> bool {
    store.registry.catalog().link_image(&repository(), &image.digest, by).await.unwrap()
}

async fn withdraw(store: &Store, image: &Descriptor, publisher: &str) -> Withdrawal {
    let catalog = store.registry.catalog();
    catalog.withdraw_image(&repository(), &image.digest, publisher, "undo").await.unwrap()
}

async fn is_there(store: &Store, image: &Descriptor) -> bool {
    let locator = Locator::Digest(image.digest.clone());
    store.registry.catalog().resolve(&repository(), &locator).await.unwrap().is_some()
}

async fn index(store: &Store, children: &[&Descriptor]) -> Descriptor {
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": children }).to_string();
    let content = store.registry.content();
    content.put_manifest(index.into(), "application/vnd.oci.image.index.v1+json").await.unwrap()
}

#[tokio::test]
async fn what_another_run_published_too_stays_until_the_last_takes_it_back() {
    let store = Store::new().await;
    let image = image("shared").put(store.registry.content()).await;
    assert!(link(&store, &image, A).await);
    assert!(link(&store, &image, B).await, "a claim of its own");
    assert!(!link(&store, &image, B).await, "claiming twice is claiming");
    assert_eq!(withdraw(&store, &image, A).await, Withdrawal::Claimed);
    assert_eq!(withdraw(&store, &image, A).await, Withdrawal::Claimed, "twice as well as once");
    assert!(is_there(&store, &image).await);
    let mut events = store.registry.catalog().events();
    assert_eq!(withdraw(&store, &image, B).await, Withdrawal::Removed);
    assert!(!is_there(&store, &image).await);
    assert!(matches!(events.recv().await.unwrap(), Event::ManifestDeleted { by, .. } if by == "undo"));
}

#[tokio::test]
async fn what_a_tag_names_stays() {
    let store = Store::new().await;
    let image = image("tagged").put(store.registry.content()).await;
    link(&store, &image, A).await;
    let tag: registry::Tag = "stable".parse().unwrap();
    let to = Some(image.digest.clone());
    store.registry.catalog().move_tag(&repository(), &tag, Expect::Any, to, "ann").await.unwrap();
    assert_eq!(withdraw(&store, &image, A).await, Withdrawal::Tagged(tag));
    assert!(is_there(&store, &image).await);
}

#[tokio::test]
async fn what_a_client_pushed_is_claimed_by_its_user() {
    let server = Server::new().await;
    let image = image("client");
    let descriptor = image.put(server.store.registry.content()).await;
    link(&server.store, &descriptor, A).await;
    let path = format!("/v2/acme/app/manifests/{}", image.digest());
    assert_eq!(server.client().put(&path, MANIFEST, image.manifest.clone()).await.status, 201);
    assert_eq!(withdraw(&server.store, &descriptor, A).await, Withdrawal::Claimed);
    assert!(is_there(&server.store, &descriptor).await);
}

#[tokio::test]
async fn an_index_goes_with_the_children_that_its_publisher_alone_linked() {
    let store = Store::new().await;
    let content = store.registry.content();
    let [alone, shared, tagged] = [
        image("alone").put(content).await,
        image("shared").put(content).await,
        image("tagged").put(content).await,
    ];
    let inner = index(&store, &[&alone]).await;
    let outer = index(&store, &[&inner, &shared, &tagged]).await;
    link(&store, &outer, A).await;
    link(&store, &shared, B).await;
    let to = Some(tagged.digest.clone());
    let tag = "theirs".parse().unwrap();
    store.registry.catalog().move_tag(&repository(), &tag, Expect::Any, to, "ann").await.unwrap();
    assert_eq!(withdraw(&store, &outer, A).await, Withdrawal::Removed);
    for (image, stays) in
        [(&outer, false), (&inner, false), (&alone, false), (&shared, true), (&tagged, true)]
    {
        assert_eq!(is_there(&store, image).await, stays, "{image:?}");
    }
}

#[tokio::test]
async fn a_child_stays_while_another_index_needs_it() {
    let store = Store::new().await;
    let child = image("child").put(store.registry.content()).await;
    let [one, two] = [index(&store, &[&child]).await, index(&store, &[&child, &child]).await];
    link(&store, &one, A).await;
    link(&store, &two, A).await;
    assert_eq!(withdraw(&store, &one, A).await, Withdrawal::Removed);
    assert!(is_there(&store, &child).await);
    assert_eq!(withdraw(&store, &two, A).await, Withdrawal::Removed);
    assert!(!is_there(&store, &child).await);

    link(&store, &child, A).await;
    link(&store, &one, B).await;
    let catalog = store.registry.catalog();
    catalog.withdraw_image(&repository(), &child.digest, B, "undo").await.unwrap();
    assert_eq!(withdraw(&store, &child, A).await, Withdrawal::Needed(one.digest.clone()));
    assert!(is_there(&store, &child).await);
}

#[tokio::test]
async fn what_is_deleted_and_published_again_is_no_more_the_first_publishers() {
    let store = Store::new().await;
    let image = image("again").put(store.registry.content()).await;
    link(&store, &image, A).await;
    store.registry.catalog().delete_manifest(&repository(), &image.digest, "ann").await.unwrap();
    assert_eq!(withdraw(&store, &image, A).await, Withdrawal::Claimed, "nothing is left to take back");
    link(&store, &image, B).await;
    assert_eq!(withdraw(&store, &image, A).await, Withdrawal::Claimed);
    assert!(is_there(&store, &image).await);
}

#[tokio::test]
async fn claims_of_publishers_that_are_gone_become_one_that_protects_as_well() {
    let store = Store::new().await;
    let catalog = store.registry.catalog();
    let image = image("old").put(store.registry.content()).await;
    for by in [A, B, "ann"] {
        link(&store, &image, by).await;
    }
    assert_eq!(catalog.publishers("run:").await.unwrap(), [A, B]);
    let gone = [A.to_owned(), B.to_owned(), "run:never/there".to_owned()];
    for _ in 0..2 {
        catalog.hand_over_claims(&gone, "run:removed").await.unwrap();
        assert_eq!(catalog.publishers("").await.unwrap(), ["ann", "run:removed"]);
    }
    catalog.hand_over_claims(&[], "run:removed").await.unwrap();
    // A later run publishes the same and takes it back; so does the user.
    link(&store, &image, "run:c/push").await;
    assert_eq!(withdraw(&store, &image, "run:c/push").await, Withdrawal::Claimed);
    assert_eq!(withdraw(&store, &image, "ann").await, Withdrawal::Claimed);
    assert!(is_there(&store, &image).await);
}
