//! Where the parts become a factory. Nothing else names two rooms at once.

use std::sync::Arc;
use std::time::Duration;

use engine_ports::{
    ArtifactStore, EventBus, ProjectStore, RunStore, Services, StoreError, TokenStore, ToolRunner,
};
use engine_runtime::{
    ActionSet, DuplicateAction, Engine, EngineDirs, EngineParts, InProcessBus, LargeValues, LogArchive, Logs,
    Sharing, ShimConfig, ShimRunner, SpaceWatch, StartError, SystemClock, SystemIds,
};
use engine_stores::{SqlDatabase, SqlProjectStore, SqlRunStore, SqlTokenStore};
use lang::Catalogue;
use migrations::{Alone, Database, Options, PgDatabase, PgOptions, Schema};
use registry::{Registry, Settings};
use steps_source::reading::{Bounds, RepositoryReader};
use tokio_util::sync::CancellationToken;
use vocab::{Clock, IdSource, Limits, TenantName, WorkerId};

use crate::adapters::{DataRoom, FileSecrets, GitWorkflows, RegistryArtifacts, RegistryImages};
use crate::catalogue::actions;
use crate::config::{Config, Environment};
use crate::data::{AdminToken, DataError, DataFolder, Endpoint, FolderLock, Sealer};
use crate::factory::{Factory, FactoryParts};
use crate::filters::Tokens;
use crate::metrics::{self, Metrics};
use crate::upkeep::{Policy, Upkeep, unused_age, upkeep};

/// How long content that nobody holds yet is safe.
const LEASE: Duration = Duration::from_secs(3600);

/// Why a factory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// The data folder.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A database.
    #[error(transparent)]
    Database(#[from] migrations::Error),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] StartError),
    /// The library of actions.
    #[error(transparent)]
    Actions(#[from] DuplicateAction),
    /// The system.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What a process opens a factory for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To serve until it is told to stop.
    Serve,
    /// For one run, whose logs a person opens as files afterwards; the next start archives them.
    Run,
}

impl Purpose {
    /// The command, for whoever finds the data folder locked.
    const fn command(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Run => "run",
        }
    }
}

/// A factory that runs, with what must be ended in order.
pub(crate) struct Wired {
    /// The factory.
    pub(crate) factory: Arc<Factory>,
    /// The registry.
    pub(crate) registry: Registry,
    /// The folder.
    pub(crate) folder: DataFolder,
    /// Programs of the operator.
    pub(crate) tools: Arc<dyn ToolRunner>,
    lock: FolderLock,
    databases: [SqlDatabase; 2],
    /// Held while the runs of a server are this process's.
    _alone: Option<Alone>,
    background: CancellationToken,
}

impl Wired {
    /// Locks the data folder, opens everything in it and continues what an earlier process left.
    pub(crate) async fn open(
        config: Config,
        environment: &Environment,
        purpose: Purpose,
    ) -> Result<Self, WireError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let ids: Arc<dyn IdSource> = Arc::new(SystemIds::new());
        let limits = config.limits.clone();
        let folder = DataFolder::open(&config.data_dir)?;
        let lock = FolderLock::take(&folder, purpose.command(), clock.now())?;
        let options = Options { queue: size(limits.writer_queue), ..Options::default() };
        folder.close_databases()?;
        let (engine_db, alone) = open_engine(&folder, &config, options).await?;
        let registry_db = Database::open(folder.registry_db(), Schema::Registry, options).await?;
        let token_store = Arc::new(SqlTokenStore::new(engine_db.clone()));
        ensure_admin(&folder, &*token_store, &*clock).await?;
        let background = CancellationToken::new();
        let space = Arc::new(SpaceWatch::new(folder.path(), &limits));
        let registry =
            open_registry(&folder, &limits, Arc::clone(&space), registry_db.clone(), &clock, &ids).await?;
        let tools: Arc<dyn ToolRunner> = Arc::new(open_tools(&folder, &limits, environment)?);
        let artifacts: Arc<dyn ArtifactStore> =
            Arc::new(RegistryArtifacts::new(registry.content().clone(), &limits));
        let services = Arc::new(Services {
            artifacts: Arc::clone(&artifacts),
            images: Arc::new(RegistryImages::new(registry.clone())),
            secrets: Arc::new(FileSecrets::new(folder.secrets())),
            tools: Arc::clone(&tools),
            clock: Arc::clone(&clock),
            limits: limits.clone(),
            settings: config.steps.clone(),
        });
        let rows = Arc::new(SqlRunStore::new(engine_db.clone()));
        let runs: Arc<dyn RunStore> = Arc::new(LargeValues::new(rows, Arc::clone(&artifacts), &limits));
        let bus: Arc<dyn EventBus> = Arc::new(InProcessBus::new(size(limits.event_backlog)));
        let io = |action| move |source| WireError::Io { action, source };
        let logs = Logs::open(folder.logs(), &limits, Arc::clone(&clock))
            .map_err(io("open the folder of logs"))?
            .archived_in(LogArchive { store: Arc::clone(&runs), artifacts });
        let actions = ActionSet::new(actions())?;
        let catalogue = Catalogue::new(actions.manifests().cloned());
        let engine = Engine::start(EngineParts {
            store: Arc::clone(&runs),
            services,
            actions,
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            bus: Arc::clone(&bus),
            logs: logs.clone(),
            log_files_stay: purpose == Purpose::Run,
            dirs: EngineDirs::below(folder.path()),
            space,
            limits: limits.clone(),
            worker: WorkerId::generate(&*ids),
            sharing: Sharing::Alone,
        })
        .await?;
        let bounds = Bounds {
            files: size(limits.workflow_files),
            file_bytes: size(limits.workflow_bytes),
            ..Bounds::default()
        };
        let reader =
            RepositoryReader::new(Arc::clone(&tools), config.steps.clone(), folder.repositories(), bounds);
        tokio::spawn(metrics::count(Arc::clone(&bus), Arc::clone(&runs), background.clone()));
        let projects: Arc<dyn ProjectStore> = Arc::new(SqlProjectStore::new(engine_db.clone()));
        let kept_up = Upkeep {
            registry: registry.clone(),
            runs: Arc::clone(&runs),
            projects: Arc::clone(&projects),
            logs: logs.clone(),
            clock: Arc::clone(&clock),
            policy: Policy::of(&config.retention),
            unused: unused_age(&config.retention),
        };
        tokio::spawn(upkeep(kept_up, background.clone()));
        let databases = [engine_db.clone(), registry_db.into()];
        let factory = Factory::new(FactoryParts {
            sealer: Sealer::ensure(&folder)?,
            config,
            clock,
            ids,
            runs,
            projects,
            tokens: Tokens::new(token_store),
            bus,
            logs,
            catalogue,
            engine,
            source: Arc::new(GitWorkflows::new(reader, background.clone())),
            metrics: Metrics::install(),
            databases: databases.clone(),
        });
        Ok(Self {
            factory: Arc::new(factory),
            registry,
            folder,
            tools,
            lock,
            databases,
            _alone: alone,
            background,
        })
    }

    /// Writes down where the process can be reached, for others and for clients.
    pub(crate) fn announce(&mut self, local_url: &str) -> Result<(), DataError> {
        self.lock.listening_at(&self.folder, local_url)?;
        Endpoint { url: local_url.to_owned(), pid: std::process::id() }.announce(&self.folder)
    }

    /// Takes no new work, lets attempts end within their time, stops the rest as lost, ends streams.
    pub(crate) async fn drain(&self) {
        self.factory.drain();
        self.factory.engine.shutdown().await;
        self.factory.close();
        self.background.cancel();
    }

    /// Closes what is open, and gives the folder up. To be called after [`Wired::drain`].
    pub(crate) async fn close(self) {
        for database in &self.databases {
            database.close().await;
        }
        drop(self.lock);
    }
}

/// The admin's token, known to the database by its hash. Whatever stood in the file before opens nothing any more.
async fn ensure_admin(
    folder: &DataFolder,
    tokens: &dyn TokenStore,
    clock: &dyn Clock,
) -> Result<(), WireError> {
    let token = AdminToken::ensure(folder)?;
    if token.fresh {
        tracing::info!(file = %folder.admin_token().display(), "the admin's token was made");
    }
    let row = engine_ports::Token {
        hash: token.hash(),
        user: "admin".to_owned(),
        tenant: TenantName::default_tenant(),
        created_at: clock.now(),
    };
    Ok(tokens.replace_tokens(row).await?)
}

/// The engine's tables: on the server that the configuration names, else in the data folder.
pub(crate) async fn open_engine(
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

pub(crate) async fn open_registry(
    folder: &DataFolder,
    limits: &Limits,
    space: Arc<SpaceWatch>,
    database: Database,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn IdSource>,
) -> Result<Registry, WireError> {
    let settings = Settings {
        folder: folder.path().to_owned(),
        clock: Arc::clone(clock),
        ids: Arc::clone(ids),
        admission: Arc::new(DataRoom(space)),
        lease: LEASE,
        blob_bytes: limits.blob_bytes,
        manifest_bytes: limits.manifest_bytes,
    };
    Ok(Registry::open(settings, database, limits.uploads).await?)
}

/// Runs tools under this same binary as their shim.
pub(crate) fn open_tools(
    folder: &DataFolder,
    limits: &Limits,
    environment: &Environment,
) -> Result<ShimRunner, WireError> {
    let program = std::env::current_exe()
        .map_err(|source| WireError::Io { action: "find the program's own file", source })?;
    let config = ShimConfig {
        program,
        args: vec!["exec-shim".into()],
        path: environment.search_path().into(),
        folder: folder.shims(),
    };
    ShimRunner::open(config, limits)
        .map_err(|source| WireError::Io { action: "open the folder of shims", source })
}

/// A limit as a size in memory.
pub(crate) fn size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX >> 4)
}
