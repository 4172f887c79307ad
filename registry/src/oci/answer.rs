//! Builds answers.

use bytes::Bytes;
use futures::Stream;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use warp::reply::{Reply as _, Response};

use vocab::Digest;

/// The header that names content by digest.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// The header that names an upload.
pub(super) const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// How far an upload is, as the specification writes it; it has no way to say that nothing came yet.
pub(super) fn upload_range(held: u64) -> String {
    format!("0-{}", held.saturating_sub(1))
}

/// An answer without its body.
pub(super) struct Answer(Response);

impl Answer {
    pub(super) fn new(status: StatusCode) -> Self {
        let mut response = status.into_response();
        // Old clients ask for this header before they take the server for a registry.
        response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
        Self(response)
    }

    /// Adds a header. All values here come from checked names, so one that is no header is left out.
    pub(super) fn header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.0.headers_mut().append(name, value);
        }
        self
    }

    /// Names the content: digest and entity tag.
    pub(super) fn digest(self, digest: &Digest) -> Self {
        self.header(CONTENT_DIGEST, digest.to_string()).header(http::header::ETAG, format!("\"{digest}\""))
    }

    /// Without a body.
    pub(super) fn empty(self) -> Response {
        self.header(CONTENT_LENGTH, 0).0
    }

    /// Without a body, for an answer that never has one.
    pub(super) fn bare(self) -> Response {
        self.0
    }

    /// Without a body because nothing but the headers was asked for.
    pub(super) fn head(self, length: u64) -> Response {
        self.header(CONTENT_LENGTH, length).0
    }

    /// With a body from memory.
    pub(super) fn bytes(self, body: Bytes) -> Response {
        let mut response = self.header(CONTENT_LENGTH, body.len()).0;
        *response.body_mut() = body.into();
        response
    }

    /// With a body of known length that is streamed.
    pub(super) fn stream<S>(self, length: u64, body: S) -> Response
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + Sync + 'static,
    {
        let mut response = self.header(CONTENT_LENGTH, length).0;
        *response.body_mut() = warp::reply::stream(body).into_response().into_body();
        response
    }
}
