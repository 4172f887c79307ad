//! PAX extended headers: `length key=value\n` records.

use std::collections::BTreeMap;

use crate::entry::belongs_to_the_tree;

const XATTR: &[u8] = b"SCHILY.xattr.";

/// What the extended headers before an entry say about it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Extensions {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) uid: Option<u64>,
    pub(crate) gid: Option<u64>,
    pub(crate) mtime: Option<i64>,
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Extensions {
    /// Takes in the records of a PAX header. The error says what is wrong with it.
    pub(crate) fn read(&mut self, data: &[u8]) -> Result<(), String> {
        for record in records(data) {
            let (key, value) = record?;
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(number(key, value)?),
                b"uid" => self.uid = Some(number(key, value)?),
                b"gid" => self.gid = Some(number(key, value)?),
                b"mtime" => self.mtime = Some(seconds(value).ok_or("`mtime` is no time")?),
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err("sparse files are not supported; write the archive without holes".to_owned());
                }
                key => {
                    if let Some(name) = key.strip_prefix(XATTR)
                        && belongs_to_the_tree(name)
                    {
                        self.xattrs.insert(name.to_vec(), value.to_vec());
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether a global header only comments. Any other would change entries far from it, which no tool here writes.
pub(crate) fn only_comments(data: &[u8]) -> Result<(), String> {
    for record in records(data) {
        let (key, _) = record?;
        if key != b"comment" {
            return Err(format!("`{}` in a global header is not supported", crate::error::readable(key)));
        }
    }
    Ok(())
}

/// Records to write, sorted by key.
#[derive(Debug, Default)]
pub(crate) struct Records(BTreeMap<Vec<u8>, Vec<u8>>);

impl Records {
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key.to_vec(), value.to_vec());
    }

    pub(crate) fn set_xattr(&mut self, name: &[u8], value: &[u8]) {
        self.set(&[XATTR, name].concat(), value);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The header's bytes. The length in front of a record counts its own digits.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (key, value) in &self.0 {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while rest + length.to_string().len() != length {
                length = rest + length.to_string().len();
            }
            bytes.extend_from_slice(length.to_string().as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(key);
            bytes.push(b'=');
            bytes.extend_from_slice(value);
            bytes.push(b'\n');
        }
        bytes
    }
}

fn records(mut data: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), String>> {
    let mut broken = false;
    std::iter::from_fn(move || {
        if data.is_empty() || broken {
            return None;
        }
        let split = (|| {
            let space = data.iter().take(20).position(|byte| *byte == b' ')?;
            let length: usize = std::str::from_utf8(&data[..space]).ok()?.parse().ok()?;
            let record = data.get(space + 1..length)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
            Some((&record[..equals], &record[equals + 1..], length))
        })();
        broken = split.is_none();
        Some(match split {
            Some((key, value, length)) => {
                data = &data[length..];
                Ok((key, value))
            }
            None => Err("a record is not `length key=value`".to_owned()),
        })
    })
}

fn number(key: &[u8], value: &[u8]) -> Result<u64, String> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("`{}` is no number", String::from_utf8_lossy(key)))
}

/// Whole seconds of a decimal time; a fraction is cut towards the past.
fn seconds(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let behind = whole.starts_with('-') && fraction.bytes().any(|byte| byte != b'0');
    seconds.checked_sub(i64::from(behind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_records_length_counts_its_own_digits() {
        let mut records = Records::default();
        records.set(b"path", &[b'x'; 91]);
        // 3 digits and a space, `path=`, 91 bytes, a line end.
        assert!(records.encode().starts_with(b"101 path=x"));
        assert_eq!(records.encode().len(), 101);
    }

    #[test]
    fn times_before_1970_and_fractions_are_whole_seconds() {
        assert_eq!(seconds(b"12.9"), Some(12));
        assert_eq!(seconds(b"-1.5"), Some(-2));
        assert_eq!(seconds(b"-0.5"), Some(-1));
        assert_eq!(seconds(b"1.x"), None);
        assert_eq!(seconds(b"99999999999999999999"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            path in prop::collection::vec(any::<u8>(), 0..300),
            value in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut records = Records::default();
            records.set(b"path", &path);
            records.set_xattr(b"user.x=y", &value);
            let mut read = Extensions::default();
            // A key with `=` cannot be written unambiguously; the reader takes the first one.
            prop_assert!(read.read(&records.encode()).is_ok());
            prop_assert_eq!(read.path, Some(path));
        }

        #[test]
        fn random_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Extensions::default().read(&data);
            let _ = only_comments(&data);
        }
    }
}
