//! Getting content out: a file handle, a stream of a range, a copy.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bytes::Bytes;
use futures::Stream;
use tokio::task::spawn_blocking;
use vocab::Digest;

use super::Content;
use crate::Error;

/// Bytes that one read asks the system for. A page at a time costs many times the processor time; much more
/// would only make many slow readers dear in memory.
const READ: usize = 256 * 1024;

/// An open blob.
#[derive(Debug)]
pub struct Opened {
    /// The file, at its start. It stays readable even when the blob is swept meanwhile.
    pub file: tokio::fs::File,
    /// Its size in bytes.
    pub size: u64,
}

impl Content {
    /// Opens a blob to read.
    ///
    /// # Errors
    /// [`Error::UnknownContent`]; [`Error::Lost`] when the store lost the file of a blob that it knows.
    pub async fn open_blob(&self, digest: &Digest) -> Result<Opened, Error> {
        let (file, size) = self.open_file(digest).await?;
        Ok(Opened { file: file.into(), size })
    }

    async fn open_file(&self, digest: &Digest) -> Result<(std::fs::File, u64), Error> {
        let size =
            self.size(digest).await?.ok_or_else(|| Error::UnknownContent { digest: digest.clone() })?;
        Ok((self.open_known(digest).await?, size))
    }

    /// Opens the file of a blob whose row was seen.
    pub(crate) async fn open_known(&self, digest: &Digest) -> Result<std::fs::File, Error> {
        let path = self.shared.files.path(digest);
        let digest = digest.clone();
        let opened = spawn_blocking(move || match std::fs::File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::Lost { digest, path }),
            opened => opened.map_err(Error::file("open", &path)),
        });
        opened.await?
    }

    /// Streams the bytes of `range`, which is cut to the blob's size.
    pub async fn read(
        &self,
        digest: &Digest,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send + Sync + use<>, Error> {
        let (file, size) = self.open_file(digest).await?;
        Ok(stream(file, range.start.min(size)..range.end.min(size)))
    }

    /// Makes the file `to` with a blob's content: a reflink where the file system can, else a copy. Never a hard
    /// link: who writes to the copy must not reach the store. `to` must not exist.
    pub async fn copy_to(&self, digest: &Digest, to: &Path) -> Result<(), Error> {
        if self.size(digest).await?.is_none() {
            return Err(Error::UnknownContent { digest: digest.clone() });
        }
        let (from, to, digest) = (self.shared.files.path(digest), to.to_owned(), digest.clone());
        let copied = spawn_blocking(move || {
            if to.symlink_metadata().is_ok() {
                let source = std::io::ErrorKind::AlreadyExists.into();
                return Err(Error::File { action: "create", path: to, source });
            }
            match reflink_copy::reflink_or_copy(&from, &to) {
                Ok(_) => std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o644))
                    .map_err(Error::file("set the mode of", &to)),
                Err(_) if !from.exists() => Err(Error::Lost { digest, path: from }),
                Err(source) => {
                    // Half a copy is worse than none; when it cannot be removed, the first error says more.
                    let _ = super::files::remove(&to);
                    Err(Error::File { action: "copy content to", path: to, source })
                }
            }
        });
        copied.await?
    }
}

/// Streams a range of a file in large reads, each on a thread that may block.
pub(crate) fn stream(
    file: std::fs::File,
    range: Range<u64>,
) -> impl Stream<Item = std::io::Result<Bytes>> + Send + Sync + use<> {
    futures::stream::try_unfold((file, range), |(mut file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let read = spawn_blocking(move || {
            let wanted = (range.end - range.start).min(READ as u64);
            let mut buffer = Vec::with_capacity(READ.min(usize::try_from(wanted).unwrap_or(READ)));
            file.seek(SeekFrom::Start(range.start))?;
            (&file).take(wanted).read_to_end(&mut buffer)?;
            if buffer.is_empty() {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::UnexpectedEof,
                    "the blob's file is shorter than its row says",
                ));
            }
            let next = range.start + buffer.len() as u64..range.end;
            Ok((Bytes::from(buffer), (file, next)))
        });
        read.await.map_err(std::io::Error::other)?.map(Some)
    })
}
