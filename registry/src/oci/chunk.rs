//! Where a chunk of an upload belongs: its `Content-Range` and `Content-Length`.

use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderMap, StatusCode};

use super::failure::Failure;
use crate::uploads::Chunk;

/// Reads the place of a chunk; `None` when the client just continues. Both `0-9` (as the specification of
/// Distribution writes it) and `bytes 0-9/*` are read.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Chunk>, Failure> {
    let Some(value) = headers.get(CONTENT_RANGE) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let chunk = parse(text).ok_or_else(|| {
        let message =
            format!("`{}` is no Content-Range; write `START-END`, both inclusive", text.escape_debug());
        Failure::new(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", message)
    })?;
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if let Some(length) = length.filter(|length| *length != chunk.length) {
        let message =
            format!("the Content-Range is {} bytes long, the Content-Length {length}", chunk.length);
        return Err(Failure::new(StatusCode::BAD_REQUEST, "SIZE_INVALID", message));
    }
    Ok(Some(chunk))
}

fn parse(text: &str) -> Option<Chunk> {
    let text = text.trim();
    let range = text.strip_prefix("bytes").map_or(text, |rest| rest.trim_start_matches([' ', '=']));
    let range = range.split('/').next()?;
    let (start, end) = range.split_once('-')?;
    let (start, end) = (start.trim().parse::<u64>().ok()?, end.trim().parse::<u64>().ok()?);
    Some(Chunk { start, length: end.checked_sub(start)?.checked_add(1)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_spellings_are_read() {
        let chunk = Some(Chunk { start: 5, length: 10 });
        for text in ["5-14", "bytes 5-14/*", "bytes=5-14", " 5-14 ", "bytes 5-14/100"] {
            assert_eq!(parse(text), chunk, "{text}");
        }
        for text in ["", "5", "14-5", "-5", "5-", "a-b", "0-18446744073709551615"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
