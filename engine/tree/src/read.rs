//! Reads an archive entry by entry, bounded, and trusts nothing in it.

use std::io::{self, Read};

use crate::Refusal;
use crate::entry::{Entry, Kind, Meta};
use crate::error::Error;
use crate::header::{self, BLOCK, Block, Raw, SMALL_MAX};
use crate::path::TreePath;
use crate::pax::{Extensions, only_comments};

/// Largest extended header of one entry. Real ones hold a path or two and a few attributes.
const EXTENSION_BYTES: u64 = 1 << 20;
/// Extended headers in a row before an entry: one of each kind, and a global one.
const EXTENSIONS: usize = 8;

/// An archive that is being read.
pub(crate) struct Reader<R> {
    inner: R,
    /// How far it has been read, for messages.
    offset: u64,
    /// Content of the current entry that nobody has read yet.
    left: u64,
    /// Bytes that fill the current entry's last block.
    padding: u64,
    ended: bool,
}

impl<R: Read> Reader<R> {
    pub(crate) const fn new(inner: R) -> Self {
        Self { inner, offset: 0, left: 0, padding: 0, ended: false }
    }

    /// The next entry, the root left out. What was not read of the one before is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Error> {
        let mut extensions = Extensions::default();
        let mut seen = 0;
        while let Some(raw) = self.header()? {
            if matches!(raw.kind, b'x' | b'g' | b'L' | b'K') {
                seen += 1;
                if seen > EXTENSIONS {
                    return Err(Error::refused(
                        &raw.path,
                        Refusal::Header("there are too many of them".into()),
                    ));
                }
                self.extension(&raw, &mut extensions)?;
                continue;
            }
            let entry = self.entry(raw, extensions)?;
            if entry.path.is_root() {
                if entry.kind != Kind::Folder {
                    return Err(Error::refused(b".", Refusal::BadPath));
                }
                (extensions, seen) = (Extensions::default(), 0);
                continue;
            }
            return Ok(Some(entry));
        }
        if seen > 0 {
            return Err(self.malformed("an extended header is followed by no entry"));
        }
        Ok(None)
    }

    /// The content of the entry that [`Reader::next`] gave last.
    pub(crate) fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    fn header(&mut self) -> Result<Option<Raw>, Error> {
        if self.ended {
            return Ok(None);
        }
        self.skip()?;
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        if block == [0; BLOCK] {
            // One block of zeros ends an archive; some writers forget the second one.
            self.ended = true;
            return Ok(None);
        }
        let raw = header::decode(&block).map_err(|reason| self.malformed(reason))?;
        self.set_content(&raw.path, raw.size)?;
        Ok(Some(raw))
    }

    fn set_content(&mut self, path: &[u8], size: i64) -> Result<(), Error> {
        self.left = u64::try_from(size)
            .map_err(|_| Error::refused(path, Refusal::Header("its size is negative".to_owned())))?;
        self.padding = self.left.wrapping_neg() % BLOCK as u64;
        Ok(())
    }

    fn extension(&mut self, raw: &Raw, extensions: &mut Extensions) -> Result<(), Error> {
        if self.left > EXTENSION_BYTES {
            return Err(Error::refused(&raw.path, Refusal::HugeHeader(EXTENSION_BYTES)));
        }
        let mut data = Vec::new();
        self.content().read_to_end(&mut data).map_err(|source| self.io(source))?;
        let malformed = |reason| Error::refused(&raw.path, Refusal::Header(reason));
        let long_name = |data: Vec<u8>| data.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        match raw.kind {
            b'x' => extensions.read(&data).map_err(malformed)?,
            b'g' => only_comments(&data).map_err(malformed)?,
            b'L' => extensions.path = Some(long_name(data)),
            _ => extensions.link = Some(long_name(data)),
        }
        Ok(())
    }

    fn entry(&mut self, raw: Raw, extensions: Extensions) -> Result<Entry, Error> {
        let named = extensions.path.unwrap_or(raw.path);
        let refuse = |refusal| Error::refused(&named, refusal);
        let path = TreePath::parse(&named).map_err(refuse)?;
        if let Some(size) = extensions.size {
            let size =
                i64::try_from(size).map_err(|_| refuse(Refusal::Header("its size is absurd".into())))?;
            self.set_content(&named, size)?;
        }
        let link = extensions.link.unwrap_or(raw.link);
        let target = || {
            if link.is_empty() || link.contains(&0) {
                return Err(refuse(Refusal::BadPath));
            }
            Ok(link.clone())
        };
        let device = |number: i64| {
            u64::try_from(number)
                .ok()
                .filter(|number| *number <= SMALL_MAX)
                .ok_or_else(|| refuse(Refusal::Header("its device number cannot be".to_owned())))
        };
        let kind = match raw.kind {
            // Before POSIX a folder was a file with a slash at its end.
            0 if named.ends_with(b"/") => Kind::Folder,
            0 | b'0' | b'7' => Kind::File(self.left),
            b'1' => Kind::HardLink(
                TreePath::parse(&link)
                    .map_err(|_| refuse(Refusal::BadHardLink(crate::error::readable(&link))))?,
            ),
            b'2' => Kind::Symlink(target()?),
            b'3' => Kind::Char { major: device(raw.major)?, minor: device(raw.minor)? },
            b'4' => Kind::Block { major: device(raw.major)?, minor: device(raw.minor)? },
            b'5' => Kind::Folder,
            b'6' => Kind::Fifo,
            b'S' => return Err(refuse(Refusal::Type("S (sparse file)".to_owned()))),
            other => return Err(refuse(Refusal::Type(char::from(other).escape_default().to_string()))),
        };
        if self.left > 0 && !matches!(kind, Kind::File(_)) {
            return Err(refuse(Refusal::Content));
        }
        if !extensions.xattrs.is_empty() && !matches!(kind, Kind::File(_) | Kind::Folder | Kind::HardLink(_))
        {
            return Err(refuse(Refusal::Attributes));
        }
        let owner = |wide: Option<u64>, plain: i64| {
            wide.or_else(|| u64::try_from(plain).ok())
                // The last one means `nobody in particular` to the system and would be ignored there.
                .filter(|id| *id < u64::from(u32::MAX))
                .ok_or_else(|| refuse(Refusal::Header("its owner cannot be".to_owned())))
        };
        let meta = Meta {
            // Some writers put the file type above the permission bits.
            mode: u32::try_from(raw.mode & 0o7777).unwrap_or(0),
            uid: owner(extensions.uid, raw.uid)?,
            gid: owner(extensions.gid, raw.gid)?,
            mtime: extensions.mtime.unwrap_or(raw.mtime),
            xattrs: extensions.xattrs,
        };
        Ok(Entry { path, meta, kind })
    }

    /// Goes to the next header.
    fn skip(&mut self) -> Result<(), Error> {
        let rest = self.left + self.padding;
        (self.left, self.padding) = (0, 0);
        let skipped = io::copy(&mut (&mut self.inner).take(rest), &mut io::sink());
        let skipped = skipped.map_err(|source| self.io(source))?;
        self.offset += skipped;
        if skipped < rest { Err(self.malformed("it ends in the middle of an entry")) } else { Ok(()) }
    }

    fn fill(&mut self, block: &mut Block) -> Result<(), Error> {
        self.inner.read_exact(block).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.malformed("it ends without its end mark"),
            _ => self.io(source),
        })?;
        self.offset += BLOCK as u64;
        Ok(())
    }

    fn malformed(&self, reason: impl Into<String>) -> Error {
        Error::Malformed { offset: self.offset, reason: reason.into() }
    }

    /// The error for a read of content that failed.
    pub(crate) fn io(&self, source: io::Error) -> Error {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            return self.malformed("it ends in the middle of an entry");
        }
        Error::Io { action: "read", at: "the archive".to_owned(), source }
    }
}

/// The content of the current entry. An archive that ends inside is an error, never a short file.
pub(crate) struct Content<'a, R>(&'a mut Reader<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reader = &mut *self.0;
        let wanted = buffer.len().min(usize::try_from(reader.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = reader.inner.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reader.left -= read as u64;
        reader.offset += read as u64;
        Ok(read)
    }
}
