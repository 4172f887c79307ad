//! What everything stands on: a locked data folder with its databases, its content and the rows of runs. Nothing goes on
//! in it yet.

use std::sync::Arc;
use std::time::Duration;

use engine_ports::{ArtifactStore, RunStore};
use engine_runtime::{LargeValues, SpaceWatch, SystemClock, SystemIds};
use engine_stores::{SqlDatabase, SqlRunStore};
use migrations::{Alone, Database, Options, PgDatabase, PgOptions, Schema};
use registry::{Registry, Settings};
use vocab::{Clock, IdSource};

use crate::adapters::{DataRoom, RegistryArtifacts};
use crate::config::Config;
use crate::data::{DataFolder, FolderLock};
use crate::wire::{WireError, size};

/// How long content that nobody holds yet is safe.
const LEASE: Duration = Duration::from_secs(3600);

/// A data folder that is this process's alone, and what is open in it.
pub(crate) struct Ground {
    pub(crate) folder: DataFolder,
    pub(crate) lock: FolderLock,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) space: Arc<SpaceWatch>,
    pub(crate) registry: Registry,
    pub(crate) artifacts: Arc<dyn ArtifactStore>,
    pub(crate) runs: Arc<dyn RunStore>,
    /// The engine's tables.
    pub(crate) engine: SqlDatabase,
    content: SqlDatabase,
    /// Held while the runs of a server are this process's.
    _alone: Option<Alone>,
}

impl Ground {
    /// Locks the data folder for `command` and opens everything in it.
    pub(crate) async fn open(config: &Config, command: &str) -> Result<Self, WireError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let ids: Arc<dyn IdSource> = Arc::new(SystemIds::new());
        let limits = &config.limits;
        let folder = DataFolder::open(&config.data_dir)?;
        let lock = FolderLock::take(&folder, command, clock.now())?;
        let options = Options { queue: size(limits.writer_queue), ..Options::default() };
        folder.close_databases()?;
        let (engine, alone) = open_engine(&folder, config, options).await?;
        let content = Database::open(folder.registry_db(), Schema::Registry, options).await?;
        let space = Arc::new(SpaceWatch::new(folder.path(), limits));
        let settings = Settings {
            folder: folder.path().to_owned(),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            admission: Arc::new(DataRoom(Arc::clone(&space))),
            lease: LEASE,
            blob_bytes: limits.blob_bytes,
            manifest_bytes: limits.manifest_bytes,
        };
        let registry = Registry::open(settings, content.clone(), limits.uploads).await?;
        let artifacts: Arc<dyn ArtifactStore> =
            Arc::new(RegistryArtifacts::new(registry.content().clone(), limits));
        let rows = Arc::new(SqlRunStore::new(engine.clone()));
        let runs: Arc<dyn RunStore> = Arc::new(LargeValues::new(rows, Arc::clone(&artifacts), limits));
        let content = content.into();
        Ok(Self {
            folder,
            lock,
            clock,
            ids,
            space,
            registry,
            artifacts,
            runs,
            engine,
            content,
            _alone: alone,
        })
    }

    /// All that is open.
    pub(crate) fn databases(&self) -> [SqlDatabase; 2] {
        [self.engine.clone(), self.content.clone()]
    }

    /// Closes what is open, and gives the folder up.
    pub(crate) async fn close(self) {
        for database in self.databases() {
            database.close().await;
        }
        drop(self.lock);
    }
}

/// The engine's tables: on the server that the configuration names, else in the data folder.
async fn open_engine(
    folder: &DataFolder,
    config: &Config,
    options: Options,
) -> Result<(SqlDatabase, Option<Alone>), WireError> {
    let Some(url) = &config.database.url else {
        return Ok((Database::open(folder.engine_db(), Schema::Engine, options).await?.into(), None));
    };
    let database = PgDatabase::open(&url.0, PgOptions { connections: config.database.connections }).await?;
    let alone = database.alone().await?;
    tracing::info!(place = %database.place(), "runs, projects and tokens are on PostgreSQL");
    Ok((database.into(), Some(alone)))
}
