//! Conditions on moving a tag: `If-Match: "<digest>"` and `If-None-Match: *`.

use http::StatusCode;
use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use vocab::Digest;

use super::call::Call;
use super::failure::Failure;
use crate::catalog::Expect;
use crate::model::Tag;

/// Reads the condition of a request that moves `tags`. One that cannot be kept exactly is refused: to move a tag
/// that was not to be moved is worse than to say no.
pub(super) fn of(call: &Call, tags: &[Tag]) -> Result<Expect, Failure> {
    let bad = |message: &str| Failure::new(StatusCode::BAD_REQUEST, "UNSUPPORTED", message);
    let expected = match (call.headers.get(IF_MATCH), call.headers.get(IF_NONE_MATCH)) {
        (None, None) => return Ok(Expect::Any),
        (None, Some(value)) if value == "*" => Expect::Absent,
        (Some(value), None) => {
            let text = value.to_str().unwrap_or_default().trim();
            let digest =
                text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).parse();
            Expect::Is(digest.map_err(|_| bad("`If-Match` takes one digest: what the tag names now"))?)
        }
        (None, Some(_)) => return Err(bad("`If-None-Match` takes only `*` here: the tag must be new")),
        (Some(_), Some(_)) => return Err(bad("give `If-Match` or `If-None-Match`, not both")),
    };
    if tags.is_empty() {
        Err(bad("conditions are about tags, and this request moves none"))
    } else {
        Ok(expected)
    }
}

/// The answer when a tag names something else.
pub(super) fn failed(tag: &Tag, found: Option<&Digest>) -> Failure {
    let message = match found {
        Some(digest) => format!("the tag {tag} names {digest}; nothing was changed"),
        None => format!("there is no tag {tag}; nothing was changed"),
    };
    let failure = Failure::new(StatusCode::PRECONDITION_FAILED, "DENIED", message);
    match found {
        Some(digest) => failure.with(ETAG, format!("\"{digest}\"")),
        None => failure,
    }
}
