//! Reads what a path or a query names.

use http::StatusCode;
use vocab::Digest;

use super::failure::Failure;
use crate::model::Locator;

/// Reads a digest of a path or a query.
pub(super) fn digest_of(text: &str) -> Result<Digest, Failure> {
    if let Ok(Locator::Digest(digest)) = text.parse() {
        return Ok(digest);
    }
    let message = format!("`{}` is no digest", text.escape_debug());
    Err(Failure::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message))
}

/// Whether a list of entity tags (`If-None-Match`, `If-Range`) names this content.
pub(super) fn names(tags: &str, digest: &Digest) -> bool {
    let wanted = digest.to_string();
    tags.split(',').map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || tag.trim_matches('"') == wanted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_read_in_lists_and_weak_ones_too() {
        let digest = Digest::of("x");
        for tags in [format!("\"{digest}\""), format!("\"a\", W/\"{digest}\""), "*".to_owned()] {
            assert!(names(&tags, &digest), "{tags}");
        }
        assert!(!names(&format!("\"{}\"", Digest::of("y")), &digest));
    }
}
