//! Whether there is room for more content: asked before and while bytes arrive.

use std::path::PathBuf;
use std::sync::Arc;

use nix::sys::statvfs::statvfs;
use tokio::task::spawn_blocking;

use super::Content;
use crate::Error;

/// Decides whether more bytes may be stored. Called from blocking code, about once for each mebibyte.
pub trait Admission: Send + Sync {
    /// Whether `bytes` more may be written now.
    ///
    /// # Errors
    /// Which bound is met and what to do about it, as a sentence.
    fn admit(&self, bytes: u64) -> Result<(), String>;
}

/// Admits everything that fits on the disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unbounded;

impl Admission for Unbounded {
    fn admit(&self, _bytes: u64) -> Result<(), String> {
        Ok(())
    }
}

impl Content {
    /// Whether there is room for `bytes` that go into the database.
    pub(crate) async fn admit(&self, bytes: u64) -> Result<(), Error> {
        let admission = Arc::clone(&self.shared.settings.admission);
        let asked = spawn_blocking(move || admission.admit(bytes)).await?;
        asked.map_err(|reason| Error::NoRoom { reason })
    }
}

/// Keeps some space of a file system free. `Limits::free_bytes`.
#[derive(Debug, Clone)]
pub struct FreeSpace {
    /// A folder on the file system.
    pub folder: PathBuf,
    /// Bytes that stay free.
    pub floor: u64,
}

impl Admission for FreeSpace {
    fn admit(&self, bytes: u64) -> Result<(), String> {
        let found = statvfs(&self.folder).map_err(|error| {
            format!("cannot ask for the free space of {}: {error}", self.folder.display())
        })?;
        let free = found.blocks_available().saturating_mul(found.fragment_size());
        if free.saturating_sub(bytes) >= self.floor {
            Ok(())
        } else {
            Err(format!(
                "{} has {free} bytes free and {} stay free; delete old runs or raise the disk, then try again",
                self.folder.display(),
                self.floor
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_kept_free() {
        let folder = std::env::temp_dir();
        assert_eq!(FreeSpace { folder: folder.clone(), floor: 0 }.admit(1), Ok(()));
        assert!(FreeSpace { folder: folder.clone(), floor: u64::MAX }.admit(0).is_err());
        assert!(
            FreeSpace { folder: folder.join("missing"), floor: 0 }.admit(0).is_err(),
            "unknown is refused"
        );
    }
}
