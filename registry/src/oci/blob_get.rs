//! `GET` and `HEAD /v2/<name>/blobs/<digest>`: bytes, or a range of them, streamed from the file.

use http::StatusCode;
use http::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, IF_NONE_MATCH, IF_RANGE, RANGE};
use warp::reply::Response;

use super::answer::Answer;
use super::authorize::Action;
use super::call::Call;
use super::failure::Failure;
use super::range::{self, Asked};
use super::reference::{digest_of, names};
use crate::content;

pub(super) async fn handle(call: &Call, name: &str, digest: &str) -> Result<Response, Failure> {
    let (repository, _) = call.enter(name, Action::Pull).await?;
    let digest = digest_of(digest)?;
    let catalog = call.registry.catalog();
    // A client that sees the blob will count on it; one that reads it has it.
    let found = if call.is_head() {
        catalog.lease_blob(&repository, &digest).await?
    } else {
        catalog.blob(&repository, &digest).await?
    };
    let size = found.ok_or_else(|| Failure::unknown_blob(&digest.to_string()))?;
    if call.header(&IF_NONE_MATCH).is_some_and(|tags| names(tags, &digest)) {
        return Ok(Answer::new(StatusCode::NOT_MODIFIED).digest(&digest).bare());
    }
    let answer = |status| {
        Answer::new(status)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(ACCEPT_RANGES, "bytes")
            .digest(&digest)
    };
    if call.is_head() {
        return Ok(answer(StatusCode::OK).head(size));
    }
    let ranged = call.header(&IF_RANGE).is_none_or(|tag| names(tag, &digest));
    let (answer, part) = match range::parse(call.header(&RANGE).filter(|_| ranged), size) {
        Asked::Whole => (answer(StatusCode::OK), 0..size),
        Asked::Part(part) => {
            let value = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            (answer(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, value), part)
        }
        Asked::Unsatisfiable => {
            let message = format!("the range lies outside the {size} bytes of the blob");
            let failure = Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID", message);
            return Err(failure.with(CONTENT_RANGE, format!("bytes */{size}")));
        }
    };
    let file = call.registry.content().open_known(&digest).await?;
    Ok(answer.stream(part.end - part.start, content::stream(file, part)))
}
