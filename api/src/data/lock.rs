//! One process works in a data folder at a time; the others learn which.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use vocab::Timestamp;

use super::error::io;
use super::{DataError, DataFolder};

/// Who works in a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// What it does: `serve`, `run`.
    pub command: String,
    /// Since when.
    pub since: Timestamp,
    /// Where it can be reached, once it listens.
    pub url: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`image-factory {}` (process {}, since {}", self.command, self.pid, self.since)?;
        match &self.url {
            Some(url) => write!(f, ", {url})"),
            None => f.write_str(")"),
        }
    }
}

/// The lock on a data folder. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct FolderLock {
    file: Flock<File>,
    holder: Holder,
}

impl FolderLock {
    /// Takes the lock, or says who has it.
    ///
    /// # Errors
    /// [`DataError::InUse`] when another process has it; [`DataError::Io`] when the file cannot be used.
    pub fn take(folder: &DataFolder, command: &str, now: Timestamp) -> Result<Self, DataError> {
        let path = folder.lock();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io("open", &path))?;
        let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
                let holder = read(&mut file);
                return Err(DataError::InUse { path: folder.path().to_owned(), holder });
            }
            Err((_, errno)) => return Err(io("lock", &path)(errno.into())),
        };
        let holder = Holder { pid: std::process::id(), command: command.to_owned(), since: now, url: None };
        let mut lock = Self { file, holder };
        lock.write(&path)?;
        Ok(lock)
    }

    /// Says who has the lock, if somebody does, and changes nothing.
    ///
    /// # Errors
    /// [`DataError::InUse`] when a process has it; [`DataError::Io`] when the file cannot be read.
    pub fn look(folder: &DataFolder) -> Result<(), DataError> {
        let path = folder.lock();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io("open", &path)(error)),
        };
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => Ok(()),
            Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
                let holder = read(&mut file);
                Err(DataError::InUse { path: folder.path().to_owned(), holder })
            }
            Err((_, errno)) => Err(io("lock", &path)(errno.into())),
        }
    }

    /// Adds where this process can be reached.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn listening_at(&mut self, folder: &DataFolder, url: &str) -> Result<(), DataError> {
        self.holder.url = Some(url.to_owned());
        self.write(&folder.lock())
    }

    fn write(&mut self, path: &Path) -> Result<(), DataError> {
        let text = serde_json::to_vec(&self.holder).unwrap_or_default();
        let file: &mut File = &mut self.file;
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text));
        written.map_err(io("write", path))
    }
}

/// A lock file is small; one that is not tells nothing.
fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_learns_who_holds_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(folder.path()).unwrap();
        let mut lock = FolderLock::take(&folder, "serve", Timestamp::default()).unwrap();
        lock.listening_at(&folder, "http://127.0.0.1:1").unwrap();
        let error = FolderLock::take(&folder, "run", Timestamp::default()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`image-factory serve`") && text.contains("http://127.0.0.1:1"), "{text}");
        assert!(error.help().is_some_and(|help| help.contains("runs list")));
        assert_eq!(FolderLock::look(&folder).unwrap_err().to_string(), text);
        drop(lock);
        let left = std::fs::read(folder.lock()).unwrap();
        assert!(FolderLock::look(&folder).is_ok());
        assert_eq!(std::fs::read(folder.lock()).unwrap(), left, "looking leaves no trace");
        assert!(FolderLock::take(&folder, "run", Timestamp::default()).is_ok());
    }
}
