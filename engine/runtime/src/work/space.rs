//! Space: what a folder takes, and whether there is enough left to start something new.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
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

/// Watches the data folder for all who put something into it: one measurement, and what was let in since.
#[derive(Debug)]
pub struct SpaceWatch {
    folder: PathBuf,
    free_bytes: u64,
    data_bytes: u64,
    /// Bytes of the folder at the last measurement.
    taken: AtomicU64,
    /// Bytes that were admitted since it began.
    admitted: AtomicU64,
    /// When the next measurement is due. Held by whoever measures.
    next: Mutex<Duration>,
}

impl SpaceWatch {
    /// A watch over `folder` with these bounds. Nothing is measured yet.
    pub fn new(folder: impl Into<PathBuf>, limits: &Limits) -> Self {
        Self {
            folder: folder.into(),
            free_bytes: limits.free_bytes,
            data_bytes: limits.data_bytes,
            taken: AtomicU64::new(0),
            admitted: AtomicU64::new(0),
            next: Mutex::default(),
        }
    }

    /// Why nothing new may start, where that is so. Blocks; measures the data folder at most once a minute.
    pub fn check(&self, clock: &dyn Clock) -> Option<String> {
        self.free(0).err().or_else(|| {
            self.measure_when_due(clock);
            self.within(0).err()
        })
    }

    /// Whether `bytes` more may be written, by the last measurement and what was admitted since. Asks the file system
    /// for its free space, and walks over nothing.
    ///
    /// # Errors
    /// Which bound is met and what to do about it. Tenants read it, so it names no path.
    pub fn admit(&self, bytes: u64) -> Result<(), String> {
        self.free(bytes)?;
        self.within(bytes)?;
        self.admitted.fetch_add(bytes, Ordering::SeqCst);
        Ok(())
    }

    /// Whether `limits.free_bytes` stay free when `bytes` more are written.
    fn free(&self, bytes: u64) -> Result<(), String> {
        let found = statvfs(&self.folder).map_err(|error| {
            format!("the free space of the data folder cannot be read: {error}; see to its disk")
        })?;
        let free = found.blocks_available().saturating_mul(found.fragment_size());
        if free.saturating_sub(bytes) >= self.free_bytes {
            return Ok(());
        }
        Err(format!(
            "{free} bytes are free on the disk of the data folder, and the {} of `limits.free_bytes` stay free; free some space",
            self.free_bytes
        ))
    }

    /// Whether the folder stays within `limits.data_bytes` with `bytes` more.
    fn within(&self, bytes: u64) -> Result<(), String> {
        let admitted = self.admitted.load(Ordering::SeqCst).saturating_add(bytes);
        if self.taken.load(Ordering::SeqCst).saturating_add(admitted) <= self.data_bytes {
            return Ok(());
        }
        Err(format!(
            "the data folder takes the {} bytes of `limits.data_bytes`; remove old runs and images, or raise it",
            self.data_bytes
        ))
    }

    fn measure_when_due(&self, clock: &dyn Clock) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let start = clock.monotonic();
        if start >= *next {
            self.measure();
            let end = clock.monotonic();
            *next = end + DATA_PAUSE.max(end.saturating_sub(start) * 20);
        }
    }

    fn measure(&self) {
        let before = self.admitted.load(Ordering::SeqCst);
        self.taken.store(usage(&self.folder, self.data_bytes), Ordering::SeqCst);
        // What was admitted during the measurement may have been missed by it.
        self.admitted.fetch_sub(before, Ordering::SeqCst);
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
        assert_eq!(watch.admit(1000), Ok(()));
        std::fs::write(home.path().join("big"), vec![1; 2_000_000]).unwrap();
        clock.advance(DATA_PAUSE);
        let reason = watch.check(&clock).unwrap();
        assert!(reason.contains("limits.data_bytes"), "{reason}");
        assert_eq!(watch.admit(0), Err(reason), "one answer for attempts and for content");
        std::fs::remove_file(home.path().join("big")).unwrap();
        clock.advance(DATA_PAUSE);
        assert_eq!(watch.check(&clock), None);
        assert_eq!(watch.admit(1000), Ok(()));
    }

    #[test]
    fn what_came_since_the_last_measurement_counts() {
        let home = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_millis(0));
        let limits = Limits { free_bytes: 0, data_bytes: 1_000_000, ..Limits::default() };
        let watch = SpaceWatch::new(home.path(), &limits);
        assert_eq!(watch.check(&clock), None);
        assert_eq!(watch.admit(600_000), Ok(()));
        assert!(watch.admit(600_000).is_err());
        assert_eq!(watch.check(&clock), None);
        clock.advance(DATA_PAUSE);
        assert_eq!(watch.check(&clock), None);
        assert_eq!(watch.admit(600_000), Ok(()), "the first bytes were given up and are not there");
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
        let watch = SpaceWatch::new(home.path(), &limits);
        let reason = watch.check(&clock).unwrap();
        assert!(reason.contains("limits.free_bytes"), "{reason}");
        assert!(!reason.contains(&home.path().display().to_string()), "{reason}");
        assert!(watch.admit(0).is_err());
        assert!(
            SpaceWatch::new(home.path().join("missing"), &limits).admit(0).is_err(),
            "unknown is refused"
        );
    }
}
