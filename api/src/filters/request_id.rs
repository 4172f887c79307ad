//! The id by which a request is found again in logs and answers.

use vocab::IdSource;
use warp::http::HeaderMap;

/// The caller's own `X-Request-Id`, when it is short and plain; else a fresh one.
pub(crate) fn request_id(headers: &HeaderMap, ids: &dyn IdSource) -> String {
    headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=64).contains(&id.len()))
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)))
        .map_or_else(|| ids.uuid().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use vocab::SeededIds;

    use super::*;

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        let ids = SeededIds::default();
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", value.parse().unwrap());
            request_id(&headers, &ids)
        };
        assert_eq!(with("abc-1"), "abc-1");
        assert_ne!(with("a b"), "a b");
        assert_ne!(with(&"a".repeat(65)), "a".repeat(65));
    }
}
