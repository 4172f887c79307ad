//! How large a value is where it is written down.

use std::io;

use serde::Serialize;

/// The bytes that a value takes as JSON, counted without writing it anywhere; none when it has no form in JSON.
pub fn json_bytes<T: Serialize + ?Sized>(value: &T) -> Option<u64> {
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).ok().map(|()| count.0)
}

/// Counts bytes and keeps none.
struct Count(u64);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_what_would_be_written() {
        let value = serde_json::json!({ "a": ["\n", 1.5, null], "ü": true });
        assert_eq!(json_bytes(&value), Some(value.to_string().len() as u64));
        assert_eq!(json_bytes(&std::collections::BTreeMap::from([((1, 2), 3)])), None, "no key of JSON");
    }
}
