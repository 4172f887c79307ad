//! Space: what a folder takes, and whether there is enough left to start something new.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use vocab::{Clock, Limits};

/// Shortest time between two measurements of the data folder; a long measurement makes it longer.
const DATA_PAUSE: Duration = Duration::from_secs(60);

/// What a file, folder or link takes at least: an empty one has no block, and yet an inode and a name.
const INODE_BYTES: u64 = 4096;

/// Bytes that the files below `folder` take on disk, at least 4 KiB each. Stops counting above `enough`. Files that vanish meanwhile
/// count nothing; other file systems mounted below are left out.
pub fn usage(folder: &Path, enough: u64) -> u64 {
    let mut total = 0_u64;
    let walk = walkdir::WalkDir::new(folder).follow_links(false).same_file_system(true);
    for entry in walk.into_iter().flatten() {
        if let Ok(found) = entry.metadata() {
            // A file with several names counts once for each: too much rather than too little.
            total = total.saturating_add(found.blocks().saturating_mul(512).max(INODE_BYTES));
        }
        if total > enough {
            break;
        }
    }
    total
}

/// Watches the data folder.
#[derive(Debug)]
pub struct SpaceWatch {
    folder: PathBuf,
    free_bytes: u64,
    data_bytes: u64,
    data: Mutex<Measured>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    bytes: u64,
    next: Duration,
}

impl SpaceWatch {
    /// A watch over `folder` with these bounds.
    pub fn new(folder: impl Into<PathBuf>, limits: &Limits) -> Self {
        Self {
            folder: folder.into(),
            free_bytes: limits.free_bytes,
            data_bytes: limits.data_bytes,
            data: Mutex::default(),
        }
    }

    /// Why nothing new may start, where that is so. Blocks; measures the data folder at most once a minute.
    pub fn check(&self, clock: &dyn Clock) -> Option<String> {
        let folder = self.folder.display();
        match statvfs(&self.folder) {
            Ok(found) => {
                let free = found.blocks_available().saturating_mul(found.fragment_size());
                if free < self.free_bytes {
                    let wanted = self.free_bytes;
                    return Some(format!(
                        "{free} bytes are free at `{folder}`, less than the {wanted} of `limits.free_bytes`; free some space"
                    ));
                }
            }
            Err(error) => return Some(format!("the free space at `{folder}` cannot be read: {error}")),
        }
        let taken = self.measure(clock);
        (taken > self.data_bytes).then(|| {
            let allowed = self.data_bytes;
            format!(
                "`{folder}` takes more than the {allowed} bytes of `limits.data_bytes`; remove old runs and images, or raise it"
            )
        })
    }

    fn measure(&self, clock: &dyn Clock) -> u64 {
        let mut data = self.data.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let start = clock.monotonic();
        if start >= data.next {
            data.bytes = usage(&self.folder, self.data_bytes);
            let end = clock.monotonic();
            data.next = end + DATA_PAUSE.max(end.saturating_sub(start) * 20);
        }
        data.bytes
    }
}

#[cfg(test)]
mod tests {
    use vocab::{ManualClock, Timestamp};

    use super::*;

    #[test]
    fn a_full_data_folder_is_noticed_and_its_emptying_too() {
        let home = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_millis(0));
        let limits = Limits { free_bytes: 0, data_bytes: 1_000_000, ..Limits::default() };
        let watch = SpaceWatch::new(home.path(), &limits);
        assert_eq!(watch.check(&clock), None);
        std::fs::write(home.path().join("big"), vec![1; 2_000_000]).unwrap();
        clock.advance(DATA_PAUSE);
        assert!(watch.check(&clock).unwrap().contains("limits.data_bytes"));
        std::fs::remove_file(home.path().join("big")).unwrap();
        clock.advance(DATA_PAUSE);
        assert_eq!(watch.check(&clock), None);
    }

    #[test]
    fn empty_files_take_space_too() {
        let home = tempfile::tempdir().unwrap();
        for number in 0..100 {
            std::fs::write(home.path().join(number.to_string()), "").unwrap();
        }
        assert!(usage(home.path(), u64::MAX) >= 100 * INODE_BYTES);
        assert!(usage(home.path(), 10 * INODE_BYTES) > 10 * INODE_BYTES);
    }

    #[test]
    fn too_little_free_space_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let clock = ManualClock::default();
        let limits = Limits { free_bytes: u64::MAX, ..Limits::default() };
        assert!(SpaceWatch::new(home.path(), &limits).check(&clock).unwrap().contains("limits.free_bytes"));
    }
}
