//! Manifests, blobs, lists and referrers over HTTP.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;
use vocab::{Algorithm, Digest, Hasher};

use crate::support::{MANIFEST, Server, image};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

#[tokio::test]
async fn a_manifest_comes_back_byte_for_byte_by_tag_and_digest() {
    let server = Server::new().await;
    let client = server.client();
    let mut image = image("bytes");
    // Spaces and fields that nobody knows are part of the digest.
    let text = String::from_utf8(image.manifest.to_vec()).unwrap();
    image.manifest = text.replacen('{', "{ \"x-unknown\": [1,  2],\n", 1).into();
    let reply = image.push(&client, "acme/app", "v1").await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    let digest = image.digest().to_string();
    assert_eq!(reply.header("location"), format!("/v2/acme/app/manifests/{digest}"));
    for reference in ["v1", &digest] {
        let path = format!("/v2/acme/app/manifests/{reference}");
        let got = client.get(&path).await;
        let head = client.head(&path).await;
        assert_eq!((got.status, &got.body), (StatusCode::OK, &image.manifest));
        for reply in [&got, &head] {
            assert_eq!(reply.header("docker-content-digest"), digest);
            assert_eq!(reply.header("content-type"), MANIFEST);
            assert_eq!(reply.header("content-length"), image.manifest.len().to_string());
            assert_eq!(reply.header("etag"), format!("\"{digest}\""));
        }
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        let fresh = client.send(Method::GET, &path, &[("if-none-match", got.header("etag"))], "").await;
        assert_eq!((fresh.status, fresh.body.len()), (StatusCode::NOT_MODIFIED, 0));
        let picky = client.send(Method::GET, &path, &[("accept", INDEX)], "").await;
        assert_eq!((picky.status, picky.code().as_str()), (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"));
    }
}

#[tokio::test]
async fn docker_schema_2_and_sha512_names_are_taken() {
    let server = Server::new().await;
    let client = server.client();
    let image = image("docker");
    image.push(&client, "acme/app", "oci").await;
    let docker = Bytes::from(String::from_utf8(image.manifest.to_vec()).unwrap().replace(MANIFEST, DOCKER));
    let reply = client.put("/v2/acme/app/manifests/docker", DOCKER, docker.clone()).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    assert_eq!(client.get("/v2/acme/app/manifests/docker").await.header("content-type"), DOCKER);
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(&docker);
    let digest = hasher.finish();
    let path = format!("/v2/acme/app/manifests/{digest}");
    assert_eq!(client.put(&format!("{path}?tag=a&tag=b"), DOCKER, docker).await.status, StatusCode::CREATED);
    assert_eq!(
        client.head("/v2/acme/app/manifests/b").await.header("docker-content-digest"),
        digest.to_string()
    );
}

#[tokio::test]
async fn bad_manifests_are_refused_with_their_reason() {
    let server = Server::new().await;
    let client = server.client();
    let image = image("bad");
    let path = "/v2/acme/app/manifests/v1";
    let missing = client.put(path, MANIFEST, image.manifest.clone()).await;
    assert_eq!((missing.status, missing.code().as_str()), (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN"));
    assert_eq!(missing.json()["errors"][0]["detail"].as_array().unwrap().len(), 2);
    image.push(&client, "acme/app", "v1").await;
    let other = Digest::of("other");
    let cases: Vec<(String, &str, Bytes, StatusCode, &str)> = vec![
        (path.into(), MANIFEST, "no json".into(), StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
        (path.into(), "text/plain", image.manifest.clone(), StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
        (path.into(), DOCKER, image.manifest.clone(), StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
        (
            path.into(),
            MANIFEST,
            vec![b' '; (4 << 20) + 1].into(),
            StatusCode::PAYLOAD_TOO_LARGE,
            "SIZE_INVALID",
        ),
        (
            format!("/v2/acme/app/manifests/{other}"),
            MANIFEST,
            image.manifest.clone(),
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
        ),
        (
            "/v2/acme/app/manifests/sha256:x".into(),
            MANIFEST,
            image.manifest.clone(),
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
        ),
        (
            "/v2/acme/app/manifests/.x".into(),
            MANIFEST,
            image.manifest.clone(),
            StatusCode::BAD_REQUEST,
            "TAG_INVALID",
        ),
        (
            "/v2/app/manifests/v1".into(),
            MANIFEST,
            image.manifest.clone(),
            StatusCode::BAD_REQUEST,
            "NAME_INVALID",
        ),
    ];
    for (path, media_type, body, status, code) in cases {
        let reply = client.put(&path, media_type, body).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{path} {media_type}");
    }
    // Without a length the bound holds as well.
    let flood = futures::stream::iter((0..5).map(|_| Ok(Bytes::from(vec![b' '; 1 << 20]))));
    let reply = client.stream_with(Method::PUT, path, &[("content-type", MANIFEST)], flood).await.unwrap();
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    // Four mebibytes are taken.
    let padded = [image.manifest.as_ref(), &vec![b' '; (4 << 20) - image.manifest.len()]].concat();
    assert_eq!(client.put(path, MANIFEST, padded).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_tag_is_moved_only_under_its_condition() {
    let server = Server::new().await;
    let client = server.client();
    let (one, two) = (image("one"), image("two"));
    one.push(&client, "acme/app", "v1").await;
    two.push(&client, "acme/app", "v2").await;
    let put = async |condition: (&str, &str)| {
        let headers = [("content-type", MANIFEST), condition];
        client.send(Method::PUT, "/v2/acme/app/manifests/v1", &headers, two.manifest.clone()).await
    };
    let quoted = |digest: Digest| format!("\"{digest}\"");
    let taken = put(("if-none-match", "*")).await;
    assert_eq!(
        (taken.status, taken.header("etag")),
        (StatusCode::PRECONDITION_FAILED, &*quoted(one.digest()))
    );
    assert_eq!(put(("if-match", &quoted(two.digest()))).await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(put(("if-match", "\"v1\"")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        client.head("/v2/acme/app/manifests/v1").await.header("docker-content-digest"),
        one.digest().to_string()
    );
    assert_eq!(put(("if-match", &quoted(one.digest()))).await.status, StatusCode::CREATED);
    assert_eq!(
        client.head("/v2/acme/app/manifests/v1").await.header("docker-content-digest"),
        two.digest().to_string()
    );
    let stale = [("if-match", &*quoted(one.digest()))];
    let reply = client.send(Method::DELETE, "/v2/acme/app/manifests/v1", &stale, "").await;
    assert_eq!(reply.status, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn deleting_a_tag_keeps_the_manifest_and_deleting_the_manifest_takes_its_tags() {
    let server = Server::new().await;
    let client = server.client();
    let image = image("deleted");
    image.push(&client, "acme/app", "v1").await;
    image.push(&client, "acme/app", "v2").await;
    let by_digest = format!("/v2/acme/app/manifests/{}", image.digest());
    assert_eq!(client.delete("/v2/acme/app/manifests/v1").await.status, StatusCode::ACCEPTED);
    assert_eq!(client.delete("/v2/acme/app/manifests/v1").await.status, StatusCode::NOT_FOUND);
    assert_eq!(client.head(&by_digest).await.status, StatusCode::OK);
    assert_eq!(client.delete(&by_digest).await.status, StatusCode::ACCEPTED);
    for path in [&by_digest, "/v2/acme/app/manifests/v2"] {
        assert_eq!(client.head(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(client.get("/v2/acme/app/tags/list").await.json()["tags"], json!([]));
    let blob = format!("/v2/acme/app/blobs/{}", Digest::of(&image.layer));
    assert_eq!(client.delete(&blob).await.status, StatusCode::ACCEPTED);
    assert_eq!(client.head(&blob).await.status, StatusCode::NOT_FOUND);
    let gone = client.delete(&blob).await;
    assert_eq!((gone.status, gone.code().as_str()), (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"));
}

#[tokio::test]
async fn a_manifest_that_an_index_needs_is_deleted_after_the_index_only() {
    let server = Server::new().await;
    let client = server.client();
    let image = image("child");
    image.push(&client, "acme/app", "amd64").await;
    image.push(&client, "acme/other", "amd64").await;
    let child = json!({ "mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest.len() });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [child] }).to_string();
    let digest = Digest::of(&index);
    assert_eq!(client.put("/v2/acme/app/manifests/v1", INDEX, index).await.status, StatusCode::CREATED);

    let path = format!("/v2/acme/app/manifests/{}", image.digest());
    let refused = client.delete(&path).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "DENIED"));
    assert_eq!(refused.header("allow"), "GET, HEAD");
    let said = refused.json()["errors"][0]["message"].to_string();
    assert!(said.contains(&digest.to_string()) && said.contains("delete that manifest first"), "{said}");
    // Nothing has changed, tags can go all the same, and another repository is another matter.
    for reference in ["amd64", "v1"] {
        let path = format!("/v2/acme/app/manifests/{reference}");
        assert_eq!(client.head(&path).await.status, StatusCode::OK, "{reference}");
        assert_eq!(client.delete(&path).await.status, StatusCode::ACCEPTED, "{reference}");
    }
    assert_eq!(client.delete(&path).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let other = path.replace("acme/app", "acme/other");
    assert_eq!(client.delete(&other).await.status, StatusCode::ACCEPTED);
    for digest in [digest, image.digest()] {
        let path = format!("/v2/acme/app/manifests/{digest}");
        assert_eq!(client.delete(&path).await.status, StatusCode::ACCEPTED);
    }
}

#[tokio::test]
async fn ranges_of_a_blob_are_exact() {
    let server = Server::new().await;
    let client = server.client();
    let bytes: Vec<u8> = (0_u16..2048).map(|number| number.to_le_bytes()[0]).collect();
    let digest = client.push_blob("acme/app", bytes.clone()).await;
    let path = format!("/v2/acme/app/blobs/{digest}");
    for (range, status, expected) in [
        ("bytes=0-0", 206, 0..1),
        ("bytes=2000-5000", 206, 2000..2048),
        ("bytes=-48", 206, 2000..2048),
        ("bytes=100-", 206, 100..2048),
        ("bytes=0-1,3-4", 200, 0..2048),
    ] {
        let reply = client.send(Method::GET, &path, &[("range", range)], "").await;
        assert_eq!(
            (reply.status.as_u16(), reply.body.as_ref()),
            (status, &bytes[expected.clone()]),
            "{range}"
        );
        assert_eq!(reply.header("content-length"), expected.len().to_string());
        if status == 206 {
            let shown = format!("bytes {}-{}/2048", expected.start, expected.end - 1);
            assert_eq!(reply.header("content-range"), shown);
        }
    }
    for range in ["bytes=500-0", "bytes=2048-"] {
        let reply = client.send(Method::GET, &path, &[("range", range)], "").await;
        assert_eq!(
            (reply.status, reply.header("content-range")),
            (StatusCode::RANGE_NOT_SATISFIABLE, "bytes */2048")
        );
    }
    let head = client.head(&path).await;
    assert_eq!((head.header("content-length"), head.header("accept-ranges")), ("2048", "bytes"));
    let stale = [("range", "bytes=0-0"), ("if-range", "\"sha256:old\"")];
    assert_eq!(client.send(Method::GET, &path, &stale, "").await.status, StatusCode::OK);
    let empty = client.push_blob("acme/app", "").await;
    assert_eq!(client.get(&format!("/v2/acme/app/blobs/{empty}")).await.status, StatusCode::OK);
    assert_eq!(client.get("/v2/acme/app/blobs/sha256:short").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn lists_come_in_pages_that_link_on() {
    let server = Server::new().await;
    let client = server.client();
    let image = image("listed");
    for tag in ["a", "c", "B", "d"] {
        image.push(&client, "acme/app", tag).await;
    }
    image.push(&client, "acme/web", "a").await;
    assert_eq!(
        client.get("/v2/acme/app/tags/list").await.json(),
        json!({ "name": "acme/app", "tags": ["B", "a", "c", "d"] })
    );
    let first = client.get("/v2/acme/app/tags/list?n=3").await;
    assert_eq!(first.json()["tags"], json!(["B", "a", "c"]));
    let link = first.header("link");
    assert_eq!(link, "</v2/acme/app/tags/list?n=3&last=c>; rel=\"next\"");
    let next = client.get(link.split(['<', '>']).nth(1).unwrap()).await;
    assert_eq!((next.json()["tags"].clone(), next.header("link")), (json!(["d"]), ""));
    assert_eq!(client.get("/v2/acme/app/tags/list?n=0").await.json()["tags"], json!([]));
    assert_eq!(client.get("/v2/acme/app/tags/list?n=-1").await.status, StatusCode::BAD_REQUEST);
    let missing = client.get("/v2/acme/missing/tags/list").await;
    assert_eq!((missing.status, missing.code().as_str()), (StatusCode::NOT_FOUND, "NAME_UNKNOWN"));
    let first = client.get("/v2/_catalog?n=1").await;
    assert_eq!(first.json()["repositories"], json!(["acme/app"]));
    let next = client.get(first.header("link").split(['<', '>']).nth(1).unwrap()).await;
    assert_eq!((next.json()["repositories"].clone(), next.header("link")), (json!(["acme/web"]), ""));
}

#[tokio::test]
async fn referrers_are_listed_by_subject_even_one_that_is_missing() {
    let server = Server::new().await;
    let client = server.client();
    let subject = Digest::of("a subject that was never pushed");
    let path = format!("/v2/acme/app/referrers/{subject}");
    let none = client.get(&path).await;
    assert_eq!((none.status, none.header("content-type")), (StatusCode::OK, INDEX));
    assert_eq!(none.json()["manifests"], json!([]));
    let config = client.push_blob("acme/app", "{}").await;
    for kind in ["application/vnd.test.sbom", "application/vnd.test.signature"] {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "layers": [],
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 },
            "subject": { "mediaType": MANIFEST, "digest": subject, "size": 1 },
            "annotations": { "kind": kind },
        });
        let bytes = Bytes::from(manifest.to_string());
        let reference = Digest::of(&bytes);
        let reply = client.put(&format!("/v2/acme/app/manifests/{reference}"), MANIFEST, bytes).await;
        assert_eq!((reply.status, reply.header("oci-subject")), (StatusCode::CREATED, &*subject.to_string()));
    }
    let all = client.get(&path).await;
    assert_eq!(
        (all.json()["manifests"].as_array().unwrap().len(), all.header("oci-filters-applied")),
        (2, "")
    );
    let filtered = client.get(&format!("{path}?artifactType=application%2Fvnd.test.sbom")).await;
    assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
    let found = &filtered.json()["manifests"];
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["artifactType"], "application/vnd.test.sbom");
    assert_eq!(found[0]["annotations"]["kind"], "application/vnd.test.sbom");
    let first = client.get(&format!("{path}?n=1")).await;
    let next = client.get(first.header("link").split(['<', '>']).nth(1).unwrap()).await;
    assert_ne!(first.json()["manifests"], next.json()["manifests"]);
    assert_eq!(client.get("/v2/acme/app/referrers/x").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_no_endpoint_is_answered_in_the_same_form() {
    let server = Server::new().await;
    let client = server.client();
    assert_eq!(client.get("/v2/").await.header("docker-distribution-api-version"), "registry/2.0");
    assert_eq!(client.get("/v2").await.status, StatusCode::OK);
    for path in ["/v2/acme/app", "/v2/acme/app/unknown/x", "/v2/%2e%2e/x"] {
        assert_eq!(client.get(path).await.code(), "UNSUPPORTED", "{path}");
    }
    let reply = client.post("/v2/acme/app/manifests/v1").await;
    assert_eq!(
        (reply.status, reply.header("allow")),
        (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, PUT, DELETE")
    );
    assert_eq!(client.get("/v2/acme/app/manifests/.INVALID").await.code(), "MANIFEST_UNKNOWN");
    assert_eq!(client.get("/v2/acme/app/tags/list?n=%ff").await.status, StatusCode::BAD_REQUEST);
}
