//! An engine over a folder: its database, its logs, its shims.

use std::path::Path;
use std::sync::Arc;

use engine_ports::{RunStore, Services, StepSettings};
use engine_runtime::{
    ActionSet, Engine, EngineDirs, EngineParts, InProcessBus, LargeValues, Logs, Sharing, ShimConfig,
    ShimRunner, SpaceWatch, SystemClock, SystemIds,
};
use engine_stores::SqliteRunStore;
use migrations::{Database, Options, Schema};
use vocab::{Limits, WorkerId};

use crate::absent::Absent;
use crate::actions;
use crate::serve::Trouble;

/// Attempts at once, as in `docs/performance.md`.
const ATTEMPTS: u64 = 64;

/// What is open over a folder.
pub(crate) struct House {
    pub(crate) engine: Engine,
    database: Database,
}

impl House {
    /// Opens the folder, and goes on with what it holds.
    pub(crate) async fn open(folder: &Path) -> Result<Self, Trouble> {
        std::fs::create_dir_all(folder)?;
        // Nothing here is as large as a disk: the space that a machine happens to have left changes no figure.
        let limits = Limits { concurrent_attempts: ATTEMPTS, free_bytes: 0, ..Limits::default() };
        // Opened as the factory opens it: WAL, `synchronous=FULL`.
        let database = Database::open(folder.join("engine.db"), Schema::Engine, Options::default()).await?;
        let (clock, ids) = (Arc::new(SystemClock::new()), SystemIds::new());
        let worker = WorkerId::generate(&ids);
        let shims = ShimConfig {
            program: std::env::current_exe()?,
            args: vec!["exec-shim".into()],
            // Where every system has its `sh`.
            path: "/usr/bin:/bin".into(),
            folder: folder.join("shims"),
        };
        let services = Services {
            artifacts: Arc::new(Absent),
            images: Arc::new(Absent),
            secrets: Arc::new(Absent),
            tools: Arc::new(ShimRunner::open(shims, &limits)?),
            clock: clock.clone(),
            limits: limits.clone(),
            settings: StepSettings::default(),
        };
        let rows: Arc<dyn RunStore> = Arc::new(SqliteRunStore::new(database.clone()));
        let parts = EngineParts {
            store: Arc::new(LargeValues::new(rows, Arc::new(Absent), &limits)),
            services: Arc::new(services),
            actions: ActionSet::new(actions::all())?,
            clock: clock.clone(),
            ids: Arc::new(ids),
            bus: Arc::new(InProcessBus::new(1024)),
            logs: Logs::open(folder.join("logs"), &limits, clock)?,
            // No step of the bench says anything, so that there is nothing to pack.
            log_files_stay: true,
            dirs: EngineDirs::below(folder),
            space: Arc::new(SpaceWatch::new(folder, &limits)),
            limits,
            worker,
            sharing: Sharing::Alone,
        };
        Ok(Self { engine: Engine::start(parts).await?, database })
    }

    pub(crate) async fn close(self) {
        self.engine.shutdown().await;
        drop(self.engine);
        self.database.close().await;
    }
}
