//! A small HTTP client that shows everything.

use std::net::SocketAddr;

use base64::Engine as _;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Sends requests to one server as one user.
pub(crate) struct Client {
    inner: hyper_util::client::legacy::Client<HttpConnector, Body>,
    address: SocketAddr,
    authorization: Option<String>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The text of a header; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of the first error.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        self.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, user: Option<(&str, &str)>) -> Self {
        let inner = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        let encode = |text: String| base64::prelude::BASE64_STANDARD.encode(text);
        let authorization =
            user.map(|(name, secret)| format!("Basic {}", encode(format!("{name}:{secret}"))));
        Self { inner, address, authorization }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn head(&self, path: &str) -> Reply {
        self.send(Method::HEAD, path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str) -> Reply {
        self.send(Method::POST, path, &[], "").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[], "").await
    }

    pub(crate) async fn put(&self, path: &str, media_type: &str, body: impl Into<Bytes>) -> Reply {
        self.send(Method::PUT, path, &[("content-type", media_type)], body).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
        self.request(method, path, headers, body).await.unwrap()
    }

    /// Sends a body of unknown length; one that ends in an error breaks the connection off.
    pub(crate) async fn stream<S>(&self, method: Method, path: &str, body: S) -> Option<Reply>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    {
        self.stream_with(method, path, &[], body).await
    }

    pub(crate) async fn stream_with<S>(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: S,
    ) -> Option<Reply>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    {
        let body = StreamBody::new(body.map(|part| part.map(Frame::data))).boxed_unsync();
        self.request(method, path, headers, body).await.ok()
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Reply, hyper_util::client::legacy::Error> {
        let uri = format!("http://{}{path}", self.address);
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.inner.request(request.body(body).unwrap()).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok(Reply { status: parts.status, headers: parts.headers, body })
    }

    /// Pushes a blob in one request. Says its digest.
    pub(crate) async fn push_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> vocab::Digest {
        let bytes = bytes.into();
        let digest = vocab::Digest::of(&bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let reply = self.send(Method::POST, &path, &[], bytes).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
        digest
    }
}
