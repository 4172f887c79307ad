//! What a client is told when something goes wrong: the error form of OCI Distribution, made here and nowhere else.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value as Json, json};
use warp::reply::Response;

use super::answer::Answer;
use crate::Error;

/// How long a client that met a bound shall wait, in seconds.
const RETRY_SECONDS: &str = "5";
/// The challenge of a registry that takes a name and a secret.
const BASIC: &str = "Basic realm=\"Image Factory\"";

/// An error on its way to a client.
#[derive(Debug)]
pub(super) struct Failure(Box<Told>);

#[derive(Debug)]
struct Told {
    status: StatusCode,
    code: &'static str,
    message: String,
    detail: Option<Json>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Told { status, code, message, detail: None, headers: Vec::new() }))
    }

    pub(super) fn with(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.0.headers.push((name, value));
        }
        self
    }

    /// Who asks must say who they are, or have `tried` and are not known.
    pub(super) fn challenge(tried: bool) -> Self {
        let message = if tried {
            "the user or the password is wrong; sign in again, such as with `docker login`"
        } else {
            "sign in first, such as with `docker login`"
        };
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
            .with(WWW_AUTHENTICATE, HeaderValue::from_static(BASIC))
    }

    /// What is not there, and what the caller may not know to be there.
    pub(super) fn unknown_name(name: &str) -> Self {
        let message = format!("there is no repository {name}, or you may not see it");
        Self::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", message)
    }

    pub(super) fn unknown_blob(digest: &str) -> Self {
        let message = format!("the repository holds no blob {digest}");
        Self::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", message)
    }

    pub(super) fn unknown_manifest(reference: &str) -> Self {
        let message = format!("the repository holds no manifest {}", reference.escape_debug());
        Self::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", message)
    }

    pub(super) fn no_endpoint() -> Self {
        Self::new(StatusCode::NOT_FOUND, "UNSUPPORTED", "the registry has no such endpoint")
    }

    pub(super) fn no_method(allowed: &'static str) -> Self {
        let message = format!("this endpoint takes {allowed}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
            .with(http::header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// The only place where errors get their form.
    pub(super) fn into_response(self) -> Response {
        let Told { status, code, message, detail, headers } = *self.0;
        let body = json!({ "errors": [{ "code": code, "message": message, "detail": detail }] });
        let answer = Answer::new(status).header(http::header::CONTENT_TYPE, "application/json");
        headers
            .into_iter()
            .fold(answer, |answer, (name, value)| answer.header(name, value))
            .bytes(body.to_string().into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let (status, code) = sort(&error);
        if status.is_server_error() {
            // The cause names files and statements: for the operator, not for the client.
            tracing::error!(%error, "a request to the registry failed");
            let shown = if error.is_full() {
                "the registry is full; tell its operator"
            } else {
                "the registry failed"
            };
            return Self::new(status, code, shown).with(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        let mut failure = Self::new(status, code, message);
        match error {
            Error::MissingReferences { missing } => {
                failure.0.detail = Some(json!(missing));
                failure
            }
            Error::Needed { .. } => failure.with(http::header::ALLOW, HeaderValue::from_static("GET, HEAD")),
            Error::Busy { .. } => failure.with(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS)),
            _ => failure,
        }
    }
}

fn sort(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Name(name) => match name.what {
            "digest" => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            "tag" => (StatusCode::BAD_REQUEST, "TAG_INVALID"),
            _ => (StatusCode::BAD_REQUEST, "NAME_INVALID"),
        },
        Error::Manifest(_) => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID"),
        Error::DigestMismatch { .. } => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
        Error::SizeMismatch { .. } | Error::WrongSize { .. } => (StatusCode::BAD_REQUEST, "SIZE_INVALID"),
        Error::BrokenOff { .. } => (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID"),
        Error::UnknownContent { .. } => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
        Error::UnknownRepository { .. } => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
        Error::UnknownManifest { .. } => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
        Error::MissingReferences { .. } => (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN"),
        Error::UnknownUpload { .. } => (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
        Error::OutOfOrder { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"),
        // The status that clients know for what cannot be deleted.
        Error::Needed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "DENIED"),
        Error::Busy { .. } => (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS"),
        error if error.is_full() => (StatusCode::INSUFFICIENT_STORAGE, "DENIED"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
    }
}

#[cfg(test)]
mod tests {
    use migrations::Fault;

    use super::*;

    #[test]
    fn causes_inside_the_server_are_not_told() {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = Error::File { action: "write", path: "/secret/place".into(), source };
        let failure = Failure::from(error);
        assert_eq!(failure.0.status, StatusCode::INSUFFICIENT_STORAGE);
        assert!(!failure.0.message.contains("/secret"), "{}", failure.0.message);
    }

    #[test]
    fn a_disk_that_is_full_at_a_commit_is_full() {
        let commit = |fault| migrations::Error::Commit {
            place: std::path::Path::new("registry.db").into(),
            jobs: 3,
            fault,
            source: std::sync::Arc::new(sqlx::Error::PoolTimedOut),
        };
        let failure = Failure::from(Error::Database(commit(Fault::DiskFull)));
        assert_eq!((failure.0.status, failure.0.code), (StatusCode::INSUFFICIENT_STORAGE, "DENIED"));
        let failure = Failure::from(Error::Database(commit(Fault::Busy)));
        assert_eq!(failure.0.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
