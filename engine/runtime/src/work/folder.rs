//! A folder per attempt, empty at the start, gone at the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::remove::{self, RemoveError};

/// The folder `work/` of a data folder.
#[derive(Debug, Clone)]
pub struct WorkFolders {
    home: PathBuf,
    count: Arc<AtomicU64>,
}

impl WorkFolders {
    /// Opens it; makes it when it is not there.
    pub fn open(home: impl Into<PathBuf>) -> io::Result<Self> {
        let home = home.into();
        fs::create_dir_all(&home)?;
        Ok(Self { home: home.canonicalize()?, count: Arc::new(AtomicU64::new(0)) })
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
    /// One call to the file system: it does not leave the thread.
    pub fn create(&self) -> io::Result<WorkFolder> {
        loop {
            let path = self.home.join(self.count.fetch_add(1, Ordering::Relaxed).to_string());
            match fs::create_dir(&path) {
                Ok(()) => return Ok(WorkFolder { path }),
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
}

impl WorkFolder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it.
    pub async fn remove(self) -> Result<(), RemoveError> {
        // Most are empty: then it is done at once.
        match fs::remove_dir(&self.path) {
            Ok(()) => Ok(()),
            Err(_) => remove::remove(self.path).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
