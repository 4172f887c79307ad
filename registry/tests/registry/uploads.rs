//! Uploads over HTTP: whole, in chunks, streamed, broken off, cancelled, too many.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Method, StatusCode};
use vocab::{Clock as _, Digest};

use crate::support::{Client, Server, Store};

const UPLOADS: &str = "/v2/acme/app/blobs/uploads/";

async fn start(client: &Client) -> String {
    let reply = client.post(UPLOADS).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
    assert!(!reply.header("docker-upload-uuid").is_empty());
    reply.header("location").to_owned()
}

async fn patch(client: &Client, location: &str, range: &str, bytes: &'static str) -> crate::support::Reply {
    client.send(Method::PATCH, location, &[("content-range", range)], bytes).await
}

#[tokio::test]
async fn a_blob_arrives_in_one_request_in_two_and_in_chunks() {
    let server = Server::new().await;
    let client = server.client();
    let one = client.push_blob("acme/app", "in one").await;

    let two = Digest::of("in two");
    let location = start(&client).await;
    let reply = client.put(&format!("{location}?digest={two}"), "application/octet-stream", "in two").await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (StatusCode::CREATED, &*format!("/v2/acme/app/blobs/{two}"))
    );
    assert_eq!(reply.header("docker-content-digest"), two.to_string());

    let location = start(&client).await;
    let first = patch(&client, &location, "0-3", "in c").await;
    assert_eq!((first.status, first.header("range")), (StatusCode::ACCEPTED, "0-3"));
    let second = patch(&client, first.header("location"), "4-6", "hun").await;
    assert_eq!((second.status, second.header("range")), (StatusCode::ACCEPTED, "0-6"));
    let chunks = Digest::of("in chunks");
    let last = format!("{}?digest={}", second.header("location"), chunks.to_string().replace(':', "%3A"));
    let reply = client.send(Method::PUT, &last, &[("content-range", "7-8")], "ks").await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");

    for (digest, text) in [(one, "in one"), (two, "in two"), (chunks, "in chunks")] {
        assert_eq!(client.get(&format!("/v2/acme/app/blobs/{digest}")).await.body, text);
    }
    assert_eq!(server.store.files().len(), 3, "no temporary file stays");
}

#[tokio::test]
async fn a_gap_and_a_replay_are_refused_and_change_nothing() {
    let server = Server::new().await;
    let client = server.client();
    let location = start(&client).await;
    patch(&client, &location, "0-3", "0123").await;
    for (range, bytes) in [("5-6", "56"), ("0-3", "0123"), ("3-4", "34")] {
        let reply = patch(&client, &location, range, bytes).await;
        assert_eq!(
            (reply.status, reply.header("range")),
            (StatusCode::RANGE_NOT_SATISFIABLE, "0-3"),
            "{range}"
        );
        assert_eq!(reply.code(), "BLOB_UPLOAD_INVALID");
        let last = format!("{location}?digest={}", Digest::of("0123"));
        let reply = client.send(Method::PUT, &last, &[("content-range", range)], bytes).await;
        assert_eq!(reply.status, StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
        let status = client.get(&location).await;
        assert_eq!((status.status, status.header("range")), (StatusCode::NO_CONTENT, "0-3"));
    }
    for (range, bytes) in [("4-9", "45"), ("4-4", "45"), ("9-4", "45"), ("x", "45")] {
        let reply = patch(&client, &location, range, bytes).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{range}");
        assert_eq!(client.get(&location).await.header("range"), "0-3", "{range}");
    }
    let last = format!("{location}?digest={}", Digest::of("0123"));
    assert_eq!(client.send(Method::PUT, &last, &[], "").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_streamed_chunk_of_the_wrong_length_leaves_nothing() {
    let server = Server::new().await;
    let client = server.client();
    let location = start(&client).await;
    patch(&client, &location, "0-3", "0123").await;
    // Without a Content-Length the mistake shows only at the end.
    let body = futures::stream::iter([Ok(Bytes::from("45")), Ok(Bytes::from("678"))]);
    let reply =
        client.stream_with(Method::PATCH, &location, &[("content-range", "4-6")], body).await.unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::BAD_REQUEST, "SIZE_INVALID"));
    assert_eq!(client.get(&location).await.header("range"), "0-3");
    let last = format!("{location}?digest={}", Digest::of("0123"));
    assert_eq!(client.send(Method::PUT, &last, &[], "").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_stream_that_breaks_off_can_be_continued() {
    let server = Server::new().await;
    let client = server.client();
    let location = start(&client).await;
    let whole = vec![7_u8; 3 << 20];
    let half = Bytes::from(whole[..2 << 20].to_vec());
    let broken = futures::stream::iter([Ok(half), Err(std::io::Error::other("gone"))]);
    assert!(client.stream(Method::PATCH, &location, broken).await.is_none());
    let mut held = 0;
    for _ in 0..100 {
        let status = client.get(&location).await;
        held = status.header("range").split_once('-').unwrap().1.parse::<usize>().unwrap() + 1;
        if held > 1 << 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let rest = Bytes::from(whole[held..].to_vec());
    let reply = client.stream(Method::PATCH, &location, futures::stream::iter([Ok(rest)])).await.unwrap();
    assert_eq!(reply.status, StatusCode::ACCEPTED);
    let last = format!("{location}?digest={}", Digest::of(&whole));
    assert_eq!(client.send(Method::PUT, &last, &[], "").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_upload_survives_a_restart() {
    let server = Server::new().await;
    let location = start(&server.client()).await;
    patch(&server.client(), &location, "0-5", "before").await;
    let store = server.stop().await.restart().await;
    let server = Server::over(store).await;
    let client = server.client();
    assert_eq!(client.get(&location).await.header("range"), "0-5");
    let last = format!("{location}?digest={}", Digest::of("before and after"));
    let reply = client.send(Method::PUT, &last, &[("content-range", "6-15")], " and after").await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
}

#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let server = Server::new().await;
    let client = server.client();
    let location = start(&client).await;
    patch(&client, &location, "0-3", "0123").await;
    assert_eq!(client.delete(&location).await.status, StatusCode::NO_CONTENT);
    let reply = client.get(&location).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"));
    assert_eq!(server.store.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_digest_is_refused_and_leaves_nothing() {
    let server = Server::new().await;
    let client = server.client();
    let wrong = Digest::of("something else");
    let location = start(&client).await;
    for reply in [
        client.put(&format!("{location}?digest={wrong}"), "application/octet-stream", "bytes").await,
        client.send(Method::POST, &format!("{UPLOADS}?digest={wrong}"), &[], "bytes").await,
    ] {
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::BAD_REQUEST, "DIGEST_INVALID"));
    }
    let reply = client.send(Method::POST, &format!("{UPLOADS}?digest=sha256:short"), &[], "bytes").await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::BAD_REQUEST, "DIGEST_INVALID"));
    assert_eq!(client.head(&format!("/v2/acme/app/blobs/{wrong}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.store.files(), Vec::<String>::new());
}

#[tokio::test]
async fn another_repository_does_not_see_the_upload() {
    let server = Server::new().await;
    let client = server.client();
    let location = start(&client).await;
    let elsewhere = location.replace("/acme/app/", "/acme/web/");
    assert_eq!(client.get(&elsewhere).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_blob_above_the_bound_is_refused_whatever_its_length_header_says() {
    let server = Server::new().await;
    let client = server.client();
    let location = start(&client).await;
    // The tests' registry takes 64 MiB.
    let flood = futures::stream::iter(std::iter::repeat_n(Bytes::from(vec![0; 1 << 20]), 66)).map(Ok);
    let reply = client.stream(Method::PATCH, &location, flood).await.unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID"));
}

#[tokio::test]
async fn too_many_uploads_are_told_to_wait_and_idle_ones_make_room() {
    let server = Server::new().await;
    let client = server.client();
    let mut locations = Vec::new();
    for _ in 0..8 {
        locations.push(start(&client).await);
    }
    let reply = client.post(UPLOADS).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS"));
    assert_eq!(reply.header("retry-after"), "5");
    assert_eq!(client.delete(&locations.remove(0)).await.status, StatusCode::NO_CONTENT);
    locations.push(start(&client).await);
    server.store.clock.advance(Duration::from_secs(16 * 60));
    start(&client).await;
}

#[tokio::test]
async fn abandoned_uploads_are_swept_and_active_ones_are_not() {
    let store = Store::new().await;
    let server = Server::over(store).await;
    let client = server.client();
    let abandoned = start(&client).await;
    patch(&client, &abandoned, "0-3", "0123").await;
    let active = start(&client).await;
    server.store.clock.advance(Duration::from_secs(7200));
    patch(&client, &active, "0-3", "0123").await;
    let swept =
        server.store.registry.sweep(server.store.clock.now(), Duration::from_secs(3600)).await.unwrap();
    assert_eq!((swept.files, swept.bytes), (1, 4));
    assert_eq!(client.get(&abandoned).await.status, StatusCode::NOT_FOUND);
    assert_eq!(client.get(&active).await.header("range"), "0-3");
}
