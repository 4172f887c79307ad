//! How values stand in rows.

use vocab::{Digest, Timestamp};

use crate::Error;

/// Reads a digest out of a row.
pub(crate) fn digest_of(text: String, table: &'static str) -> Result<Digest, Error> {
    text.parse().map_err(|_| Error::Row { table, value: text, expected: "digest" })
}

/// A size as a row holds it.
pub(crate) fn bytes_of(size: i64, table: &'static str) -> Result<u64, Error> {
    u64::try_from(size).map_err(|_| Error::Row { table, value: size.to_string(), expected: "size" })
}

/// A size as a statement takes it. Sizes are bounded by what a disk holds.
pub(crate) fn column(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// A moment as a statement takes it.
pub(crate) const fn millis(at: Timestamp) -> i64 {
    at.as_millis()
}
