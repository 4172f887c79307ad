//! The rows of runs with nothing going on: for whoever looks after them while no server does.

use std::sync::Arc;

use engine_ports::{ArtifactStore, RunStore};
use engine_runtime::{LargeValues, SpaceWatch, SystemClock, SystemIds};
use engine_stores::{SqlDatabase, SqlRunStore};
use migrations::{Alone, Database, Options, Schema};
use vocab::{Clock, IdSource};

use crate::adapters::RegistryArtifacts;
use crate::config::Config;
use crate::data::{DataFolder, FolderLock};
use crate::wire::{WireError, open_engine, open_registry, size};

/// Everything that is written about runs, held for this process alone.
pub(crate) struct Rows {
    pub(crate) runs: Arc<dyn RunStore>,
    databases: [SqlDatabase; 2],
    lock: FolderLock,
    _alone: Option<Alone>,
}

impl Rows {
    /// Locks the data folder for the command `purpose` and opens what is in it. No run goes on.
    pub(crate) async fn open(config: &Config, purpose: &str) -> Result<Self, WireError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let ids: Arc<dyn IdSource> = Arc::new(SystemIds::new());
        let limits = &config.limits;
        let folder = DataFolder::open(&config.data_dir)?;
        let lock = FolderLock::take(&folder, purpose, clock.now())?;
        let options = Options { queue: size(limits.writer_queue), ..Options::default() };
        let (engine, alone) = open_engine(&folder, config, options).await?;
        let content = Database::open(folder.registry_db(), Schema::Registry, options).await?;
        let space = Arc::new(SpaceWatch::new(folder.path(), limits));
        let registry = open_registry(&folder, limits, space, content.clone(), &clock, &ids).await?;
        let artifacts: Arc<dyn ArtifactStore> =
            Arc::new(RegistryArtifacts::new(registry.content().clone(), limits));
        let rows = Arc::new(SqlRunStore::new(engine.clone()));
        let runs: Arc<dyn RunStore> = Arc::new(LargeValues::new(rows, artifacts, limits));
        Ok(Self { runs, databases: [engine, content.into()], lock, _alone: alone })
    }

    /// Closes what is open, and gives the folder up.
    pub(crate) async fn close(self) {
        for database in &self.databases {
            database.close().await;
        }
        drop(self.lock);
    }
}
