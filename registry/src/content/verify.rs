//! Whether the bytes on the disk are still what their name says.

use tokio::task::spawn_blocking;
use vocab::Digest;

use super::Content;
use super::sink::digest_from;
use crate::Error;

/// What checking a blob against its name found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The bytes have the digest and the size.
    Intact,
    /// The bytes are others.
    Damaged {
        /// What they are.
        found: Digest,
    },
    /// The row is there, the file is not.
    Lost,
}

impl Content {
    /// Reads a blob whole and compares it with its digest.
    ///
    /// # Errors
    /// [`Error::UnknownContent`] when the store has no row for it.
    pub async fn verify(&self, digest: &Digest) -> Result<Verdict, Error> {
        if self.size(digest).await?.is_none() {
            return Err(Error::UnknownContent { digest: digest.clone() });
        }
        let mut file = match self.open_known(digest).await {
            Ok(file) => file,
            Err(Error::Lost { .. }) => return Ok(Verdict::Lost),
            Err(error) => return Err(error),
        };
        let (path, algorithm) = (self.shared.files.path(digest), digest.algorithm());
        let found = spawn_blocking(move || digest_from(&mut file, algorithm)).await?;
        let found = found.map_err(Error::file("read", &path))?;
        Ok(if found == *digest { Verdict::Intact } else { Verdict::Damaged { found } })
    }
}
