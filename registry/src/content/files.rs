//! Where content lies in the folder, and how a file gets there for good. Blocking.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nix::fcntl::OFlag;
use vocab::{Algorithm, Digest};

use crate::Error;

/// The folder of a content store.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    root: PathBuf,
    /// Folders of content whose names are on the disk for certain.
    lasting: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Files {
    /// Makes the folders that are missing.
    pub(crate) fn open(root: PathBuf) -> Result<Self, Error> {
        let files = Self { root, lasting: Arc::default() };
        for folder in [
            files.blobs().join(Algorithm::Sha256.name()),
            files.blobs().join(Algorithm::Sha512.name()),
            files.temporary(),
            files.uploads(),
        ] {
            fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        }
        sync_folder(&files.blobs())?;
        sync_folder(&files.root)?;
        Ok(files)
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// Files that become content, or nothing. On the same file system as the content, so that a rename is enough.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.blobs().join(digest.algorithm().name()).join(&hex[..2]).join(hex)
    }

    /// Renames a flushed file to its place and flushes the folders that changed.
    pub(crate) fn settle(&self, from: &Path, digest: &Digest) -> Result<(), Error> {
        let to = self.path(digest);
        let shard = to.parent().unwrap_or(&self.root);
        match fs::create_dir(shard) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::file("create", shard)(error));
            }
            _ => {}
        }
        self.make_lasting(shard)?;
        fs::rename(from, &to).map_err(Error::file("rename a file to", &to))?;
        sync_folder(shard)
    }

    /// A folder that is there may have been made a moment ago by somebody who has not flushed its name yet, or by a
    /// process that was killed before it could.
    fn make_lasting(&self, shard: &Path) -> Result<(), Error> {
        // A panic elsewhere leaves no half of a set.
        let lasting = || self.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        if lasting().contains(shard) {
            return Ok(());
        }
        sync_folder(shard.parent().unwrap_or(&self.root))?;
        lasting().insert(shard.to_owned());
        Ok(())
    }

    /// Removes the file of a digest. That it is gone already is fine.
    pub(crate) fn unlink(&self, digest: &Digest) -> Result<(), Error> {
        remove(&self.path(digest))
    }
}

/// Opens a file that somebody else wrote. A symbolic link, a pipe or a device in its place is refused, also when it
/// is put there at the last moment.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Removes a file. That it is gone already is fine.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes the names in a folder survive a power cut.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::file("flush the folder", path))
}

/// The digest that a file's place in the folder means, if it is a place of content.
pub(crate) fn digest_at(path: &Path) -> Option<Digest> {
    let name = path.file_name()?.to_str()?;
    let shard = path.parent()?;
    let algorithm = shard.parent()?.file_name()?.to_str()?;
    let digest: Digest = format!("{algorithm}:{name}").parse().ok()?;
    (shard.file_name()?.to_str()? == &name[..2]).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_digests_belong_together() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path().to_owned()).unwrap();
        let digest = Digest::of("x");
        assert_eq!(digest_at(&files.path(&digest)), Some(digest));
        assert_eq!(digest_at(&files.blobs().join("sha256/ab/readme")), None);
    }
}
