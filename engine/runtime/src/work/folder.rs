//! A folder per attempt, empty at the start, gone at the end.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::remove::{self, RemoveError};

/// The folder `work/` of a data folder.
#[derive(Debug, Clone)]
pub struct WorkFolders {
    home: PathBuf,
    count: Arc<AtomicU64>,
    spare: Arc<Mutex<Vec<(PathBuf, Stamp)>>>,
}

/// Untouched folders that are kept for later attempts: making and removing one costs the journal of the file system
/// more than a step that needs none.
const SPARE: usize = 64;

/// What changes with the first thing that is done to a folder or in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(folder: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(folder)?;
        Ok(Self {
            inode: found.ino(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

impl WorkFolders {
    /// Opens it; makes it when it is not there.
    pub fn open(home: impl Into<PathBuf>) -> io::Result<Self> {
        let home = home.into();
        fs::create_dir_all(&home)?;
        Ok(Self { home: home.canonicalize()?, count: Arc::default(), spare: Arc::default() })
    }

    /// Removes what an earlier start left. Nothing may run there any more. Gives how many were removed, and what
    /// could not be.
    pub async fn sweep(&self) -> io::Result<(usize, Vec<RemoveError>)> {
        let mut removed = 0;
        let mut left = Vec::new();
        let mut entries = tokio::fs::read_dir(&self.home).await?;
        while let Some(entry) = entries.next_entry().await? {
            match remove::remove(entry.path()).await {
                Ok(()) => removed += 1,
                Err(error) => left.push(error),
            }
        }
        Ok((removed, left))
    }

    /// A fresh, empty folder. Its name is unlike that of every other that is there.
    ///
    /// A few calls to the file system: it does not leave the thread.
    pub fn create(&self) -> io::Result<WorkFolder> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some((path, stamp)) = spare
            && Stamp::of(&path).is_ok_and(|now| now == stamp)
        {
            return Ok(WorkFolder { path, stamp, spare: Arc::clone(&self.spare) });
        }
        loop {
            let path = self.home.join(self.count.fetch_add(1, Ordering::Relaxed).to_string());
            match fs::create_dir(&path) {
                Ok(()) => {
                    let stamp = Stamp::of(&path)?;
                    return Ok(WorkFolder { path, stamp, spare: Arc::clone(&self.spare) });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The folder of one attempt. Whoever made it removes it; a crash leaves it to the sweep of the next start.
#[derive(Debug)]
pub struct WorkFolder {
    path: PathBuf,
    stamp: Stamp,
    spare: Arc<Mutex<Vec<(PathBuf, Stamp)>>>,
}

impl WorkFolder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps it for another attempt when nothing was ever done to it or in it, and there is room for it. Otherwise it
    /// comes back, to be removed.
    pub fn spare(self) -> Option<Self> {
        if Stamp::of(&self.path).is_ok_and(|now| now == self.stamp) {
            let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() < SPARE {
                spare.push((self.path, self.stamp));
                return None;
            }
        }
        Some(self)
    }

    /// Removes it, or keeps it as [`WorkFolder::spare`] does.
    pub async fn remove(self) -> Result<(), RemoveError> {
        match self.spare() {
            Some(touched) => remove::remove(touched.path).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_an_untouched_folder_is_used_again() {
        let home = tempfile::tempdir().unwrap();
        let folders = WorkFolders::open(home.path()).unwrap();
        let first = folders.create().unwrap();
        let place = first.path().to_owned();
        first.remove().await.unwrap();
        let again = folders.create().unwrap();
        assert_eq!(again.path(), place);
        // Written and removed again: empty, and yet touched.
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(place.join("file"), "x").unwrap();
        fs::remove_file(place.join("file")).unwrap();
        again.remove().await.unwrap();
        assert!(!place.exists());
        assert_ne!(folders.create().unwrap().path(), place);
    }

    #[test]
    fn a_folder_in_which_something_lies_is_no_spare() {
        let home = tempfile::tempdir().unwrap();
        let folders = WorkFolders::open(home.path()).unwrap();
        assert!(folders.create().unwrap().spare().is_none());
        let used = folders.create().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(used.path().join("file"), "x").unwrap();
        let place = used.path().to_owned();
        assert_eq!(used.spare().unwrap().path(), place);
    }

    #[tokio::test]
    async fn what_a_crash_left_is_swept_and_never_handed_out() {
        let home = tempfile::tempdir().unwrap();
        let before = WorkFolders::open(home.path()).unwrap();
        let left = before.create().unwrap();
        fs::write(left.path().join("half"), "x").unwrap();
        let after = WorkFolders::open(home.path()).unwrap();
        let fresh = after.create().unwrap();
        assert_ne!(fresh.path(), left.path());
        assert_eq!(after.sweep().await.unwrap().0, 2);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
