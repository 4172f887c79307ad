//! What the clients do: push one image, then pull parts of it over kept connections.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use vocab::Digest;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const REPOSITORY: &str = "acme/bench";
/// Clients at once.
const CLIENTS: usize = 8;
/// Requests of one run, for rows of small answers.
const REQUESTS: usize = 4000;
/// Size of the blob, in bytes.
const BLOB: usize = 64 << 20;
/// Pulls of the blob in one run: one GiB in all.
const PULLS: usize = 16;

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Row {
    ManifestByTag,
    ManifestHead,
    Blob,
}

impl Row {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ManifestByTag => "GET manifest by tag",
            Self::ManifestHead => "HEAD manifest by tag",
            Self::Blob => "GET blob of 64 MiB",
        }
    }

    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::ManifestByTag | Self::ManifestHead => "µs a request",
            Self::Blob => "s a GiB",
        }
    }

    /// From seconds to the unit.
    pub(crate) const fn scale(self) -> f64 {
        match self {
            Self::ManifestByTag | Self::ManifestHead => 1e6,
            Self::Blob => 1.0,
        }
    }
}

/// Clients of one server.
pub(crate) struct Load {
    client: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    blob: Digest,
}

impl Load {
    /// Pushes the image.
    pub(crate) async fn prepare(address: SocketAddr) -> Self {
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        let bytes: Vec<u8> =
            (0..BLOB).map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1]).collect();
        let blob = Digest::of(&bytes);
        let load = Self { client, address, blob: blob.clone() };
        let config = Bytes::from_static(b"{}");
        for part in [config.clone(), Bytes::from(bytes)] {
            let started =
                load.send(Method::POST, &format!("/v2/{REPOSITORY}/blobs/uploads/"), Bytes::new()).await;
            let location = started.headers()["location"].to_str().unwrap();
            let path = location.strip_prefix(&format!("http://{address}")).unwrap_or(location);
            let mark = if path.contains('?') { '&' } else { '?' };
            let path = format!("{path}{mark}digest={}", Digest::of(&part));
            assert_eq!(load.send(Method::PUT, &path, part).await.status(), 201);
        }
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(&config), "size": 2 },
            "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": blob, "size": BLOB }],
        });
        let path = format!("/v2/{REPOSITORY}/manifests/latest");
        assert_eq!(load.send(Method::PUT, &path, manifest.to_string().into()).await.status(), 201);
        load
    }

    /// Does one run. Says how many units it did (requests, or GiB), and in what time.
    #[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
    pub(crate) async fn run(&self, row: Row) -> (f64, Duration) {
        let start = Instant::now();
        let (method, path, count) = match row {
            Row::ManifestByTag => (Method::GET, format!("/v2/{REPOSITORY}/manifests/latest"), REQUESTS),
            Row::ManifestHead => (Method::HEAD, format!("/v2/{REPOSITORY}/manifests/latest"), REQUESTS),
            Row::Blob => (Method::GET, format!("/v2/{REPOSITORY}/blobs/{}", self.blob), PULLS),
        };
        let one = async || {
            let mut bytes = 0;
            for _ in 0..count / CLIENTS {
                let mut body = self.send(method.clone(), &path, Bytes::new()).await.into_body();
                while let Some(frame) = body.frame().await {
                    bytes += frame.unwrap().data_ref().map_or(0, Bytes::len);
                }
            }
            bytes
        };
        let bytes: usize = futures::future::join_all((0..CLIENTS).map(|_| one())).await.into_iter().sum();
        let units = match row {
            Row::Blob => {
                assert_eq!(bytes, BLOB * PULLS);
                f64::from(u32::try_from(bytes >> 20).unwrap()) / 1024.0
            }
            _ => f64::from(u32::try_from(count).unwrap()),
        };
        (units, start.elapsed())
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Response<Incoming> {
        let uri = format!("http://{}{path}", self.address);
        let request = Request::builder().method(method).uri(uri).header("content-type", MANIFEST);
        let request = request.header("accept", MANIFEST);
        let response = self.client.request(request.body(Full::new(body)).unwrap()).await.unwrap();
        assert!(response.status().is_success(), "{response:?}");
        response
    }
}
