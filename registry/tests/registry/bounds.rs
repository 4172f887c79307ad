//! What the registry refuses and cuts short over HTTP.

use http::{Method, StatusCode};
use serde_json::json;
use vocab::Digest;

use crate::support::{Client, MANIFEST, Server, Store, image};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Has no room for anything.
struct Full;

impl registry::Admission for Full {
    fn admit(&self, _: u64) -> Result<(), String> {
        Err("the folder is full".to_owned())
    }
}

#[tokio::test]
async fn a_push_into_a_full_registry_is_refused_as_such() {
    let admission = std::sync::Arc::new(Full);
    let store = Store::with(|settings| registry::Settings { admission, ..settings }).await;
    let server = Server::over(store).await;
    let client = server.client();
    let digest = Digest::of("abc");
    let blob = format!("/v2/acme/app/blobs/uploads/?digest={digest}");
    let index = json!({ "schemaVersion": 2, "manifests": [] }).to_string();
    let replies = [
        client.send(Method::POST, &blob, &[], "abc").await,
        client.post("/v2/acme/app/blobs/uploads/").await,
        client.put("/v2/acme/app/manifests/v1", INDEX, index).await,
    ];
    for reply in replies {
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (StatusCode::INSUFFICIENT_STORAGE, "DENIED"),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn a_blob_that_a_manifest_of_the_repository_needs_is_not_deleted() {
    let server = Server::new().await;
    let client = server.client();
    let image = image("needed");
    image.push(&client, "acme/app", "v1").await;
    let blob = format!("/v2/acme/app/blobs/{}", Digest::of(&image.layer));
    let refused = client.delete(&blob).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "DENIED"));
    let message = refused.json()["errors"][0]["message"].to_string();
    assert!(message.contains(&image.digest().to_string()), "{message}");
    assert_eq!(client.get(&blob).await.body, image.layer);
    // In a repository where nothing needs it, it goes.
    client.push_blob("acme/other", image.layer.clone()).await;
    let other = format!("/v2/acme/other/blobs/{}", Digest::of(&image.layer));
    assert_eq!(client.delete(&other).await.status, StatusCode::ACCEPTED);
    client.delete(&format!("/v2/acme/app/manifests/{}", image.digest())).await;
    assert_eq!(client.delete(&blob).await.status, StatusCode::ACCEPTED);
}

/// Pushes `count` manifests about `subject`, each with `note` and a padding of `padding` bytes that is not shown.
async fn attach(client: &Client, subject: &Digest, count: usize, note: &str, padding: usize) {
    let config = client.push_blob("acme/app", "{}").await;
    for number in 0..count {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.test", "layers": [],
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 },
            "subject": { "mediaType": MANIFEST, "digest": subject, "size": 1 },
            "annotations": { "number": number.to_string(), "note": note }, "x-padding": " ".repeat(padding),
        });
        let bytes = manifest.to_string();
        let path = format!("/v2/acme/app/manifests/{}", Digest::of(&bytes));
        assert_eq!(client.put(&path, MANIFEST, bytes).await.status, StatusCode::CREATED);
    }
}

/// Follows the pages to the end: how many referrers each holds.
async fn pages(client: &Client, subject: &Digest) -> Vec<usize> {
    let mut path = Some(format!("/v2/acme/app/referrers/{subject}"));
    let mut pages = Vec::new();
    while let Some(at) = path {
        let reply = client.get(&at).await;
        assert!(reply.body.len() <= 4 << 20, "{} bytes", reply.body.len());
        pages.push(reply.json()["manifests"].as_array().unwrap().len());
        path = reply.header("link").split(['<', '>']).nth(1).map(str::to_owned);
    }
    pages
}

#[tokio::test]
async fn a_page_of_referrers_stays_within_the_size_that_clients_take() {
    let server = Server::new().await;
    let client = server.client();
    let subject = Digest::of("long annotations");
    attach(&client, &subject, 5, &"x".repeat(1_500_000), 0).await;
    assert_eq!(pages(&client, &subject).await, [2, 2, 1]);
}

#[tokio::test]
async fn a_page_of_referrers_reads_no_more_manifests_than_it_may() {
    let server = Server::new().await;
    let client = server.client();
    let subject = Digest::of("large manifests");
    attach(&client, &subject, 10, "short", 4_000_000).await;
    assert_eq!(pages(&client, &subject).await, [8, 2]);
}
