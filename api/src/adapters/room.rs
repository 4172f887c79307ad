//! Room for content: the free space of the disk, and what the data folder as a whole may take.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine_runtime::usage;
use registry::{Admission, FreeSpace};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use vocab::{Clock, Limits};

/// Shortest time between two measurements of the data folder; a long measurement makes it longer.
const PAUSE: Duration = Duration::from_secs(60);

/// Admits content while the disk keeps `limits.free_bytes` and the data folder is within `limits.data_bytes`.
#[derive(Debug)]
pub(crate) struct DataRoom {
    free: FreeSpace,
    allowed: u64,
    /// Bytes of the folder at the last measurement.
    taken: AtomicU64,
    /// Bytes that were admitted since it began.
    admitted: AtomicU64,
}

impl DataRoom {
    /// Room in `folder` within these bounds. Nothing is measured yet.
    pub(crate) fn new(folder: impl Into<PathBuf>, limits: &Limits) -> Self {
        Self {
            free: FreeSpace { folder: folder.into(), floor: limits.free_bytes },
            allowed: limits.data_bytes,
            taken: AtomicU64::new(0),
            admitted: AtomicU64::new(0),
        }
    }

    /// Measures the folder. Blocks.
    fn measure(&self) {
        let before = self.admitted.load(Ordering::SeqCst);
        self.taken.store(usage(&self.free.folder, self.allowed), Ordering::SeqCst);
        // What was admitted during the measurement may have been missed by it.
        self.admitted.fetch_sub(before, Ordering::SeqCst);
    }

    /// Measures the folder now and then, until `stop`.
    pub(crate) async fn watch(self: Arc<Self>, clock: Arc<dyn Clock>, stop: CancellationToken) {
        loop {
            let (room, start) = (Arc::clone(&self), clock.monotonic());
            if let Err(error) = spawn_blocking(move || room.measure()).await {
                tracing::warn!(%error, "the data folder could not be measured");
            }
            let spent = clock.monotonic().saturating_sub(start);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE.max(spent * 20)) => {}
            }
        }
    }
}

impl Admission for DataRoom {
    fn admit(&self, bytes: u64) -> Result<(), String> {
        self.free.admit(bytes)?;
        let admitted = self.admitted.load(Ordering::SeqCst).saturating_add(bytes);
        if self.taken.load(Ordering::SeqCst).saturating_add(admitted) > self.allowed {
            return Err(format!(
                "{} takes the {} bytes of `limits.data_bytes`; remove old runs and images, or raise it",
                self.free.folder.display(),
                self.allowed
            ));
        }
        self.admitted.fetch_add(bytes, Ordering::SeqCst);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_over_its_bound_takes_no_content_until_it_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { free_bytes: 0, data_bytes: 1_000_000, ..Limits::default() };
        let room = DataRoom::new(folder.path(), &limits);
        room.measure();
        assert_eq!(room.admit(1000), Ok(()));
        std::fs::write(folder.path().join("big"), vec![1; 2_000_000]).unwrap();
        room.measure();
        assert!(room.admit(0).unwrap_err().contains("limits.data_bytes"));
        std::fs::remove_file(folder.path().join("big")).unwrap();
        room.measure();
        assert_eq!(room.admit(1000), Ok(()));
    }

    #[test]
    fn what_came_since_the_last_measurement_counts() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { free_bytes: 0, data_bytes: 1_000_000, ..Limits::default() };
        let room = DataRoom::new(folder.path(), &limits);
        assert_eq!(room.admit(600_000), Ok(()));
        assert!(room.admit(600_000).is_err());
        room.measure();
        assert_eq!(room.admit(600_000), Ok(()), "the first bytes were given up and are not there");
    }
}
