//! One store must not tell a tenant what another has.

use http::{Method, StatusCode};
use vocab::Digest;

use crate::support::{Client, MANIFEST, OTHER, Server, image};

#[tokio::test]
async fn who_does_not_sign_in_is_challenged_everywhere() {
    let server = Server::new().await;
    image("private").push(&server.client(), "acme/app", "v1").await;
    let digest = Digest::of("x");
    for user in [None, Some(("admin", "wrong"))] {
        let client = Client::new(server.address, user);
        for (method, path) in [
            (Method::GET, "/v2/".to_owned()),
            (Method::GET, "/v2/_catalog".into()),
            (Method::GET, "/v2/acme/app/tags/list".into()),
            (Method::GET, "/v2/acme/app/manifests/v1".into()),
            (Method::HEAD, format!("/v2/acme/app/blobs/{digest}")),
            (Method::POST, "/v2/acme/app/blobs/uploads/".into()),
            (Method::PUT, "/v2/acme/missing/manifests/v1".into()),
            (Method::DELETE, "/v2/acme/app/manifests/v1".into()),
            (Method::GET, format!("/v2/acme/app/referrers/{digest}")),
            (Method::PATCH, "/v2/acme/app/blobs/uploads/1".into()),
        ] {
            let reply = client.send(method.clone(), &path, &[], "").await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(reply.header("www-authenticate"), "Basic realm=\"Image Factory\"", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn another_tenants_repository_looks_like_one_that_is_not_there() {
    let server = Server::new().await;
    let image = image("private");
    image.push(&server.client(), "acme/app", "v1").await;
    let stranger = Client::new(server.address, Some(OTHER));
    let layer = Digest::of(&image.layer);
    let probes = |repository: &str| {
        [
            (Method::GET, format!("/v2/{repository}/manifests/v1")),
            (Method::GET, format!("/v2/{repository}/manifests/{}", image.digest())),
            (Method::GET, format!("/v2/{repository}/blobs/{layer}")),
            (Method::GET, format!("/v2/{repository}/tags/list")),
            (Method::GET, format!("/v2/{repository}/referrers/{}", image.digest())),
            (Method::POST, format!("/v2/{repository}/blobs/uploads/")),
            (Method::PUT, format!("/v2/{repository}/manifests/v1")),
            (Method::DELETE, format!("/v2/{repository}/manifests/v1")),
        ]
    };
    for ((method, there), (_, missing)) in probes("acme/app").into_iter().zip(probes("acme/missing")) {
        let headers = [("content-type", MANIFEST)];
        let seen = stranger.send(method.clone(), &there, &headers, "").await;
        let unseen = stranger.send(method.clone(), &missing, &headers, "").await;
        assert_eq!(
            (seen.status, seen.code().as_str()),
            (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            "{method} {there}"
        );
        let text = |reply: &crate::support::Reply| {
            String::from_utf8_lossy(&reply.body).replace("acme/missing", "acme/app")
        };
        assert_eq!(text(&seen), text(&unseen), "{method} {there}");
    }
    assert_eq!(stranger.get("/v2/_catalog").await.json()["repositories"], serde_json::json!([]));
}

#[tokio::test]
async fn a_mount_needs_a_source_that_the_caller_may_read() {
    let server = Server::new().await;
    let client = server.client();
    let digest = client.push_blob("acme/app", "a layer").await;
    let stranger = Client::new(server.address, Some(OTHER));
    for query in [format!("mount={digest}&from=acme/app"), format!("mount={digest}")] {
        let reply = stranger.post(&format!("/v2/other/app/blobs/uploads/?{query}")).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "it has to be uploaded in full: {query}");
        assert_eq!(
            stranger.head(&format!("/v2/other/app/blobs/{digest}")).await.status,
            StatusCode::NOT_FOUND
        );
    }
    for (target, query) in
        [("acme/b", format!("mount={digest}&from=acme/app")), ("acme/c", format!("mount={digest}"))]
    {
        let reply = client.post(&format!("/v2/{target}/blobs/uploads/?{query}")).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{query}");
        assert_eq!(client.get(&format!("/v2/{target}/blobs/{digest}")).await.body, "a layer");
    }
    // The stranger uploads the same bytes: stored once, and visible to each by right of its own upload.
    stranger.push_blob("other/app", "a layer").await;
    assert_eq!(server.store.files().iter().filter(|file| file.starts_with("blobs/")).count(), 1);
    client.delete(&format!("/v2/acme/app/blobs/{digest}")).await;
    assert_eq!(stranger.get(&format!("/v2/other/app/blobs/{digest}")).await.body, "a layer");
}

#[tokio::test]
async fn a_manifest_cannot_borrow_another_tenants_layers() {
    let server = Server::new().await;
    let image = image("private");
    image.push(&server.client(), "acme/app", "v1").await;
    let stranger = Client::new(server.address, Some(OTHER));
    let reply = stranger.put("/v2/other/app/manifests/v1", MANIFEST, image.manifest.clone()).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN"));
}
