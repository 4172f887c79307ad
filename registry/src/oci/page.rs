//! Pages of lists: `n` and `last` in, `Link` out.

use http::StatusCode;

use super::call::Call;
use super::failure::Failure;

/// Entries of a page, when the client names no number or a larger one.
const LARGEST: u32 = 1000;

/// What part of a list is asked for.
pub(super) struct Page<'a> {
    /// How many entries at most.
    pub(super) count: u32,
    /// The entry before the first one.
    pub(super) last: &'a str,
}

impl<'a> Page<'a> {
    pub(super) fn of(call: &'a Call) -> Result<Self, Failure> {
        let count = match call.parameter("n") {
            None => LARGEST,
            Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map_or(LARGEST, |count: u32| count.min(LARGEST))
            }
            Some(text) => {
                let message = format!("`n` is a number of entries, not `{}`", text.escape_debug());
                return Err(Failure::new(StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID", message));
            }
        };
        Ok(Self { count, last: call.parameter("last").unwrap_or_default() })
    }
}

/// The value of the `Link` header that leads to the next page. `path` and `last` are checked names; `extra` is
/// encoded already.
pub(super) fn link(path: &str, count: u32, last: &str, extra: &str) -> String {
    format!("<{path}?n={count}&last={last}{extra}>; rel=\"next\"")
}
