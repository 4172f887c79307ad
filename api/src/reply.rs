//! Answers. A problem travels inside the response and is written out at the edge, where the request's id is known.

use bytes::Bytes;
use futures::Stream;
use serde::Serialize;
use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

use crate::problem::{Problem, ProblemKind};

/// What every handler gives.
pub(crate) type Body = warp::reply::Response;

/// JSON with a status.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Body {
    match serde_json::to_vec(value) {
        Ok(bytes) => with_type(status, "application/json", bytes),
        Err(error) => problem(Problem::internal(&error.to_string())),
    }
}

/// JSON with status 200.
pub(crate) fn ok(value: &impl Serialize) -> Body {
    json(StatusCode::OK, value)
}

/// Nothing to say, all well.
pub(crate) fn no_content() -> Body {
    let mut response = Body::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Text of a type.
pub(crate) fn text(status: StatusCode, media_type: &'static str, text: String) -> Body {
    with_type(status, media_type, text.into_bytes())
}

/// A stream of text as it comes.
pub(crate) fn stream(
    media_type: &'static str,
    chunks: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + Sync + 'static,
) -> Body {
    let mut response = warp::reply::Reply::into_response(warp::reply::stream(chunks));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // A proxy that collects or keeps what is still growing would help nobody.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// A problem, to be written out at the edge.
pub(crate) fn problem(problem: Problem) -> Body {
    let mut response = Body::default();
    *response.status_mut() = problem.kind.status();
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.kind == ProblemKind::Unauthenticated {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"image-factory\""));
    }
    response.extensions_mut().insert(problem);
    response
}

/// The answer of a handler, whichever way it ended.
pub(crate) fn settle(result: Result<Body, Problem>) -> Body {
    result.unwrap_or_else(problem)
}

/// Writes out the problem that a response carries, with the request's id.
pub(crate) fn finish(mut response: Body, request_id: &str) -> Body {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let bytes = serde_json::to_vec(&problem.to_json(Some(request_id))).unwrap_or_default();
        let (mut head, _) = response.into_parts();
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let written = with_type(head.status, "application/problem+json", bytes);
        response = Body::from_parts(head, written.into_body());
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

fn with_type(status: StatusCode, media_type: &'static str, bytes: Vec<u8>) -> Body {
    let mut response = warp::reply::Reply::into_response(bytes);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
