//! Seconds since the Unix epoch as image configs write them.

use vocab::Timestamp;

/// The latest moment that a config may name: the end of the year 9998, in seconds since the Unix epoch.
pub(crate) const LATEST: i64 = 253_370_764_799;

/// RFC 3339 in UTC without a fraction. `seconds` lies between 0 and [`LATEST`].
pub(crate) fn rfc3339(seconds: i64) -> String {
    let text = Timestamp::from_millis(seconds.clamp(0, LATEST) * 1000).to_string();
    text.replace(".000Z", "Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_no_fraction() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_748_000_000), "2025-05-23T11:33:20Z");
        assert_eq!(rfc3339(LATEST), "9998-12-31T23:59:59Z");
    }
}
