//! Writes the one form that a tree has, and hashes it on the way.

use std::io::{self, Read, Write};

use vocab::{Algorithm, Digest, Hasher};

use crate::Refusal;
use crate::entry::{Entry, Kind};
use crate::error::Error;
use crate::header::{self, BLOCK, Fields, LARGE_MAX, NAME_BYTES, SMALL_MAX};
use crate::pax::Records;

/// A tree that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Digest of the archive's bytes.
    pub digest: Digest,
    /// Size of the archive in bytes.
    pub size: u64,
    /// Files, folders, links and devices in it.
    pub entries: u64,
    /// Bytes of content in it.
    pub bytes: u64,
}

/// An archive that is being written. Entries must come in the order of their paths.
pub(crate) struct Writer<W> {
    inner: W,
    hasher: Hasher,
    size: u64,
    entries: u64,
    bytes: u64,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new(Algorithm::Sha256), size: 0, entries: 0, bytes: 0 }
    }

    /// Writes an entry; for a file, exactly as much of `content` as the entry says. A file that is shorter or
    /// longer is an error.
    pub(crate) fn append(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), Error> {
        let mut path = entry.path.as_bytes().to_vec();
        let mut fields = Fields { mode: entry.meta.mode, ..Fields::default() };
        let mut link: &[u8] = b"";
        let mut length = 0;
        match &entry.kind {
            Kind::File(size) => {
                fields.kind = b'0';
                length = *size;
            }
            Kind::HardLink(target) => {
                fields.kind = b'1';
                link = target.as_bytes();
            }
            Kind::Symlink(target) => {
                fields.kind = b'2';
                link = target;
            }
            Kind::Char { major, minor } => {
                (fields.kind, fields.major, fields.minor) = (b'3', *major, *minor);
            }
            Kind::Block { major, minor } => {
                (fields.kind, fields.major, fields.minor) = (b'4', *major, *minor);
            }
            Kind::Folder => {
                fields.kind = b'5';
                path.push(b'/');
            }
            Kind::Fifo => fields.kind = b'6',
        }
        if fields.major > SMALL_MAX || fields.minor > SMALL_MAX {
            return Err(Error::refused(&path, Refusal::Header("its device number does not fit".to_owned())));
        }
        let records = extend(entry, &path, link, length, &mut fields)?;
        if !records.is_empty() {
            let data = records.encode();
            let name = b"././@PaxHeader";
            let head =
                Fields { path: name, kind: b'x', mode: 0o644, size: data.len() as u64, ..Fields::default() };
            self.write(&header::encode(&head))?;
            self.write(&data)?;
            self.pad(data.len() as u64)?;
        }
        (fields.path, fields.link) = (&path, link);
        self.write(&header::encode(&fields))?;
        self.copy(entry, content, length)?;
        self.entries += 1;
        self.bytes += length;
        Ok(())
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> Result<Archive, Error> {
        self.write(&[0; 2 * BLOCK])?;
        self.inner.flush().map_err(write_failed)?;
        Ok(Archive {
            digest: self.hasher.finish(),
            size: self.size,
            entries: self.entries,
            bytes: self.bytes,
        })
    }

    fn copy(&mut self, entry: &Entry, content: &mut dyn Read, length: u64) -> Result<(), Error> {
        let mut buffer = [0; 16 * 1024];
        let mut left = length;
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                Error::Malformed { offset: 0, reason: "it ends in the middle of an entry".to_owned() }
            }
            _ => Error::Io { action: "read", at: crate::error::readable(entry.path.as_bytes()), source },
        };
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match content.read(&mut buffer[..wanted]) {
                Ok(0) => return Err(Error::refused(entry.path.as_bytes(), Refusal::Changed)),
                Ok(read) => {
                    self.write(&buffer[..read])?;
                    left -= read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        if length > 0 && content.read(&mut buffer[..1]).map_err(failed)? > 0 {
            return Err(Error::refused(entry.path.as_bytes(), Refusal::Changed));
        }
        self.pad(length)
    }

    fn pad(&mut self, length: u64) -> Result<(), Error> {
        let padding = usize::try_from(length.wrapping_neg() % BLOCK as u64).unwrap_or(0);
        self.write(&[0; BLOCK][..padding])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        self.inner.write_all(bytes).map_err(write_failed)
    }
}

fn write_failed(source: io::Error) -> Error {
    Error::Io { action: "write", at: "the archive".to_owned(), source }
}

/// Fills the plain fields with what fits, and gives the rest as records.
fn extend(
    entry: &Entry,
    path: &[u8],
    link: &[u8],
    length: u64,
    fields: &mut Fields<'_>,
) -> Result<Records, Error> {
    let mut records = Records::default();
    let plain = |name: &[u8]| name.len() <= NAME_BYTES && name.is_ascii();
    // Names that are not UTF-8 have to be announced: PAX records are text otherwise.
    let mut announce = false;
    for (key, name) in [(&b"path"[..], path), (b"linkpath", link)] {
        if !plain(name) {
            records.set(key, name);
            announce |= std::str::from_utf8(name).is_err();
        }
    }
    if announce {
        records.set(b"hdrcharset", b"BINARY");
    }
    let mut fit = |key: &[u8], value: u64, max: u64| {
        if value > max {
            records.set(key, value.to_string().as_bytes());
            return 0;
        }
        value
    };
    fields.uid = fit(b"uid", entry.meta.uid, SMALL_MAX);
    fields.gid = fit(b"gid", entry.meta.gid, SMALL_MAX);
    fields.size = fit(b"size", length, LARGE_MAX);
    match u64::try_from(entry.meta.mtime) {
        Ok(seconds) if seconds <= LARGE_MAX => fields.mtime = seconds,
        _ => records.set(b"mtime", entry.meta.mtime.to_string().as_bytes()),
    }
    if !matches!(entry.kind, Kind::HardLink(_)) {
        for (name, value) in &entry.meta.xattrs {
            if name.contains(&b'=') {
                let reason = "an attribute's name holds `=`, which no archive can write".to_owned();
                return Err(Error::refused(path, Refusal::Header(reason)));
            }
            records.set_xattr(name, value);
        }
    }
    Ok(records)
}
