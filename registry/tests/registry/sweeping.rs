//! Garbage is exact: nothing that a row refers to goes, everything else does.

use std::time::Duration;

use http::StatusCode;
use registry::{Error, HeldBy, Locator, RepositoryName, Verdict};
use vocab::{Clock as _, Digest};

use crate::support::{MANIFEST, Server, Store, image};

const GRACE: Duration = Duration::from_secs(600);
const LEASE: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_fresh_blob_outlives_the_sweep_until_its_lease_ends() {
    let store = Store::new().await;
    let content = store.registry.content();
    let blob = content.put_bytes("fresh".into()).await.unwrap();
    store.registry.sweep(store.clock.now(), Duration::ZERO).await.unwrap();
    assert!(matches!(content.held_by(&blob.digest).await.unwrap().as_slice(), [HeldBy::Lease(_)]));
    store.clock.advance(LEASE);
    let swept = store.registry.sweep(store.clock.now(), GRACE).await.unwrap();
    assert_eq!((swept.files, swept.bytes), (1, 5));
    assert_eq!(store.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_hold_on_an_image_holds_its_closure_and_release_starts_the_grace() {
    let store = Store::new().await;
    let content = store.registry.content();
    let image = image("held").put(content).await;
    content.hold("run/1", std::slice::from_ref(&image.digest)).await.unwrap();
    store.clock.advance(LEASE * 2);
    let swept = store.registry.sweep(store.clock.now(), GRACE).await.unwrap();
    assert_eq!((swept.files, swept.manifests), (0, 0));
    content.release("run/1").await.unwrap();
    let swept = store.registry.sweep(store.clock.now(), GRACE).await.unwrap();
    assert_eq!((swept.files, swept.manifests), (0, 0), "the grace has just begun");
    store.clock.advance(GRACE);
    let swept = store.registry.sweep(store.clock.now(), GRACE).await.unwrap();
    assert_eq!((swept.files, swept.manifests), (2, 1));
    assert!(!content.exists(&image.digest).await.unwrap());
}

#[tokio::test]
async fn what_two_need_stays_until_both_let_go() {
    let store = Store::new().await;
    let content = store.registry.content();
    let blob = content.put_bytes("shared".into()).await.unwrap();
    for owner in ["run/1", "cache/1"] {
        content.hold(owner, std::slice::from_ref(&blob.digest)).await.unwrap();
    }
    store.clock.advance(LEASE);
    content.release("run/1").await.unwrap();
    content.release("run/1").await.unwrap();
    store.clock.advance(GRACE);
    assert_eq!(store.registry.sweep(store.clock.now(), GRACE).await.unwrap().files, 0);
    assert_eq!(content.held_by(&blob.digest).await.unwrap(), [HeldBy::Owner("cache/1".into())]);
    content.release("cache/1").await.unwrap();
    store.clock.advance(GRACE);
    assert_eq!(store.registry.sweep(store.clock.now(), GRACE).await.unwrap().files, 1);
}

#[tokio::test]
async fn a_deleted_image_keeps_its_bytes_for_the_grace() {
    let store = Store::new().await;
    let repository = "acme/app".parse().unwrap();
    let image = image("deleted").put(store.registry.content()).await;
    store.registry.catalog().link_image(&repository, &image.digest, "admin").await.unwrap();
    store.clock.advance(LEASE * 2);
    store.registry.catalog().delete_manifest(&repository, &image.digest, "admin").await.unwrap();
    assert_eq!(
        store
            .registry
            .catalog()
            .resolve(&repository, &image.digest.to_string().parse().unwrap())
            .await
            .unwrap(),
        None
    );
    let swept = store.registry.sweep(store.clock.now(), GRACE).await.unwrap();
    assert_eq!((swept.files, swept.manifests), (0, 0));
    store.clock.advance(GRACE);
    let swept = store.registry.sweep(store.clock.now(), GRACE).await.unwrap();
    assert_eq!((swept.files, swept.manifests, swept.links), (2, 1, 2));
}

#[tokio::test]
async fn a_blob_that_a_client_saw_stays_for_the_lease() {
    let server = Server::new().await;
    let client = server.client();
    let store = &server.store;
    let digest = client.push_blob("acme/app", "pushed and seen").await;
    let path = format!("/v2/acme/app/blobs/{digest}");
    for _ in 0..3 {
        store.clock.advance(LEASE * 3 / 4);
        store.registry.sweep(store.clock.now(), GRACE).await.unwrap();
        assert_eq!(client.head(&path).await.status, StatusCode::OK);
    }
    store.clock.advance(LEASE);
    let swept = store.registry.sweep(store.clock.now(), GRACE).await.unwrap();
    assert_eq!((swept.links, swept.files), (1, 1));
    assert_eq!(client.head(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pushes_beside_deletes_mounts_and_sweeps_meet_no_refusal() {
    let server = Server::new().await;
    let pushes = (0..6).map(|pusher| {
        let client = server.client();
        tokio::spawn(async move {
            for round in 0..8 {
                // The pushers share images and repositories, so that they meet each other.
                let image = image(&format!("image {}", round % 3));
                let repository = format!("acme/app{}", pusher % 2);
                let reply = image.push(&client, &repository, &format!("t{pusher}")).await;
                assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
                let layer = Digest::of(&image.layer);
                let mount = format!("/v2/acme/copy{pusher}/blobs/uploads/?mount={layer}&from={repository}");
                assert_eq!(client.post(&mount).await.status, StatusCode::CREATED);
                let other = client.push_blob(&format!("acme/copy{pusher}"), image.config.clone()).await;
                assert_eq!(other, Digest::of(&image.config));
                let path = format!("/v2/acme/copy{pusher}/manifests/v1");
                let reply = client.put(&path, MANIFEST, image.manifest.clone()).await;
                assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
                let gone = client.delete(&format!("/v2/{repository}/manifests/{}", image.digest())).await;
                // Another pusher may have deleted it first.
                assert!(matches!(gone.status, StatusCode::ACCEPTED | StatusCode::NOT_FOUND), "{gone:?}");
            }
        })
    });
    let pushes: Vec<_> = pushes.collect();
    while !pushes.iter().all(tokio::task::JoinHandle::is_finished) {
        server.store.registry.sweep(server.store.clock.now(), Duration::ZERO).await.unwrap();
        tokio::task::yield_now().await;
    }
    for push in pushes {
        push.await.unwrap();
    }
    // Long after, all that is still named is whole.
    server.store.clock.advance(LEASE * 10);
    server.store.registry.sweep(server.store.clock.now(), Duration::ZERO).await.unwrap();
    for pusher in 0..6 {
        let repository: RepositoryName = format!("acme/copy{pusher}").parse().unwrap();
        let locator = Locator::Tag("v1".parse().unwrap());
        let found = server.store.registry.catalog().resolve(&repository, &locator).await.unwrap().unwrap();
        let content = server.store.registry.content();
        for part in content.closure(&found.digest).await.unwrap() {
            if part.role == registry::Role::Blob {
                assert_eq!(content.verify(&part.digest).await.unwrap(), Verdict::Intact);
            }
        }
    }
}

#[tokio::test]
async fn files_that_no_row_knows_go() {
    let store = Store::new().await;
    let kept = store.registry.content().put_bytes("kept".into()).await.unwrap();
    let root = store.folder.path().join("content");
    let orphan = Digest::of("orphan");
    let shard = root.join("blobs/sha256").join(&orphan.hex()[..2]);
    std::fs::create_dir_all(&shard).unwrap();
    std::fs::write(shard.join(orphan.hex()), "orphan").unwrap();
    std::fs::write(root.join("tmp/left"), "by a crash").unwrap();
    std::fs::write(root.join("uploads/left"), "by a crash").unwrap();
    let swept = store.registry.sweep(store.clock.now(), GRACE).await.unwrap();
    assert_eq!((swept.files, swept.bytes), (3, 6 + 10 + 10));
    assert_eq!(store.files().len(), 1);
    assert_eq!(store.registry.content().verify(&kept.digest).await.unwrap(), Verdict::Intact);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sweep_that_races_with_puts_and_holds_never_takes_held_content() {
    // Without lease and grace, everything that is not held at this very moment is garbage.
    let store = Store::with_lease(Duration::ZERO).await;
    let content = store.registry.content().clone();
    let sweeper = tokio::spawn({
        let (registry, clock) = (store.registry.clone(), std::sync::Arc::clone(&store.clock));
        async move {
            let mut files = 0;
            loop {
                files += registry.sweep(clock.now(), Duration::ZERO).await.unwrap().files;
                // The count is read when the task is done with; it only shows that the race took place.
                tokio::task::yield_now().await;
                if files > 60 {
                    return files;
                }
            }
        }
    });
    let writers: Vec<_> = (0..6)
        .map(|writer| {
            let content = content.clone();
            tokio::spawn(async move {
                let mut held = 0;
                for round in 0..60 {
                    // All writers share few contents, so that puts meet each other and the sweep.
                    let blob = content.put_bytes(format!("content {}", round % 5).into()).await.unwrap();
                    let owner = format!("run/{writer}/{round}");
                    match content.hold(&owner, std::slice::from_ref(&blob.digest)).await {
                        Ok(()) => {
                            held += 1;
                            assert_eq!(content.verify(&blob.digest).await.unwrap(), Verdict::Intact);
                            tokio::task::yield_now().await;
                            assert_eq!(content.verify(&blob.digest).await.unwrap(), Verdict::Intact);
                            content.release(&owner).await.unwrap();
                        }
                        Err(Error::UnknownContent { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                held
            })
        })
        .collect();
    let mut held = 0;
    for writer in writers {
        held += writer.await.unwrap();
    }
    sweeper.abort();
    assert!(held > 0, "no hold ever won");
    for round in 0..5 {
        let digest = Digest::of(format!("content {round}"));
        if content.exists(&digest).await.unwrap() {
            assert_eq!(content.verify(&digest).await.unwrap(), Verdict::Intact);
        }
    }
}
