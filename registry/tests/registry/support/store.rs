//! A registry in a temporary folder, with a clock of its own.

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use migrations::{Database, Schema};
use registry::{Registry, Settings, Unbounded};
use tempfile::TempDir;
use uuid::Uuid;
use vocab::{IdSource, Limits, ManualClock, Timestamp};

/// Uploads that the tests' registries take at once.
const UPLOADS: u64 = 8;

/// A registry that goes with its folder.
pub(crate) struct Store {
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) folder: TempDir,
    database: Database,
}

impl Store {
    pub(crate) async fn new() -> Self {
        Self::with_lease(Duration::from_secs(3600)).await
    }

    pub(crate) async fn with_lease(lease: Duration) -> Self {
        Self::with(|settings| Settings { lease, ..settings }).await
    }

    pub(crate) async fn with(change: impl FnOnce(Settings) -> Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        let settings = change(settings(&folder.path().join("content"), Arc::clone(&clock)));
        let database = open(folder.path()).await;
        let registry = Registry::open(settings, database.clone(), UPLOADS).await.unwrap();
        Self { registry, clock, folder, database }
    }

    /// Closes the database and opens everything again, as a restart does.
    pub(crate) async fn restart(self) -> Self {
        self.database.close().await;
        let settings = settings(&self.folder.path().join("content"), Arc::clone(&self.clock));
        let database = open(self.folder.path()).await;
        let registry = Registry::open(settings, database.clone(), UPLOADS).await.unwrap();
        Self { registry, database, ..self }
    }

    /// Every file below the content folder, by its path in there.
    pub(crate) fn files(&self) -> Vec<String> {
        let root = self.folder.path().join("content");
        walkdir::WalkDir::new(&root)
            .sort_by_file_name()
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().strip_prefix(&root).unwrap().display().to_string())
            .collect()
    }
}

pub(crate) async fn open(folder: &Path) -> Database {
    Database::open(folder.join("registry.db"), Schema::Registry, migrations::Options::default())
        .await
        .unwrap()
}

pub(crate) fn settings(folder: &Path, clock: Arc<ManualClock>) -> Settings {
    Settings {
        folder: folder.to_owned(),
        clock,
        ids: Arc::new(RandomIds),
        admission: Arc::new(Unbounded),
        lease: Duration::from_secs(3600),
        blob_bytes: 64 << 20,
        manifest_bytes: Limits::default().manifest_bytes,
    }
}

/// Identifiers that differ between restarts.
struct RandomIds;

impl IdSource for RandomIds {
    fn uuid(&self) -> Uuid {
        let [a, b] = [RandomState::new().hash_one(1), RandomState::new().hash_one(2)];
        uuid::Builder::from_random_bytes([a.to_be_bytes(), b.to_be_bytes()].concat().try_into().unwrap())
            .into_uuid()
    }
}
