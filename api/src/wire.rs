//! Where the parts become a factory. Nothing else names two rooms at once.

use std::sync::Arc;

use engine_ports::{EventBus, ProjectStore, Services, StoreError, TokenStore, ToolRunner};
use engine_runtime::{
    ActionSet, DuplicateAction, Engine, EngineDirs, EngineParts, InProcessBus, LogArchive, Logs, Sharing,
    ShimConfig, ShimRunner, StartError,
};
use engine_stores::{SqlProjectStore, SqlTokenStore};
use lang::Catalogue;
use registry::Registry;
use steps_source::reading::{Bounds, RepositoryReader};
use tokio_util::sync::CancellationToken;
use vocab::{Clock, Limits, TenantName, WorkerId};

use crate::adapters::{FileSecrets, GitWorkflows, RegistryImages};
use crate::catalogue::actions;
use crate::config::{Config, Environment};
use crate::data::{AdminToken, DataError, DataFolder, Endpoint, Sealer};
use crate::factory::{Factory, FactoryParts};
use crate::filters::Tokens;
use crate::ground::Ground;
use crate::metrics::{self, Metrics};
use crate::upkeep::{Policy, Upkeep, unused_age, upkeep};

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
    /// Programs of the operator.
    pub(crate) tools: Arc<dyn ToolRunner>,
    ground: Ground,
    background: CancellationToken,
}

impl Wired {
    /// Locks the data folder, opens everything in it and continues what an earlier process left.
    pub(crate) async fn open(
        config: Config,
        environment: &Environment,
        purpose: Purpose,
    ) -> Result<Self, WireError> {
        let limits = config.limits.clone();
        let ground = Ground::open(&config, purpose.command()).await?;
        let Ground { folder, clock, ids, registry, artifacts, runs, .. } = &ground;
        let token_store = Arc::new(SqlTokenStore::new(ground.engine.clone()));
        ensure_admin(folder, &*token_store, &**clock).await?;
        let background = CancellationToken::new();
        let tools: Arc<dyn ToolRunner> = Arc::new(open_tools(folder, &limits, environment)?);
        let services = Arc::new(Services {
            artifacts: Arc::clone(artifacts),
            images: Arc::new(RegistryImages::new(registry.clone())),
            secrets: Arc::new(FileSecrets::new(folder.secrets())),
            tools: Arc::clone(&tools),
            clock: Arc::clone(clock),
            limits: limits.clone(),
            settings: config.steps.clone(),
        });
        let bus: Arc<dyn EventBus> = Arc::new(InProcessBus::new(size(limits.event_backlog)));
        let io = |action| move |source| WireError::Io { action, source };
        let logs = Logs::open(folder.logs(), &limits, Arc::clone(clock))
            .map_err(io("open the folder of logs"))?
            .archived_in(LogArchive { store: Arc::clone(runs), artifacts: Arc::clone(artifacts) });
        let actions = ActionSet::new(actions())?;
        let catalogue = Catalogue::new(actions.manifests().cloned());
        let engine = Engine::start(EngineParts {
            store: Arc::clone(runs),
            services,
            actions,
            clock: Arc::clone(clock),
            ids: Arc::clone(ids),
            bus: Arc::clone(&bus),
            logs: logs.clone(),
            log_files_stay: purpose == Purpose::Run,
            dirs: EngineDirs::below(folder.path()),
            space: Arc::clone(&ground.space),
            limits: limits.clone(),
            worker: WorkerId::generate(&**ids),
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
        tokio::spawn(metrics::count(Arc::clone(&bus), Arc::clone(runs), background.clone()));
        let projects: Arc<dyn ProjectStore> = Arc::new(SqlProjectStore::new(ground.engine.clone()));
        let kept_up = Upkeep {
            registry: registry.clone(),
            runs: Arc::clone(runs),
            projects: Arc::clone(&projects),
            logs: logs.clone(),
            clock: Arc::clone(clock),
            policy: Policy::of(&config.retention),
            unused: unused_age(&config.retention),
        };
        tokio::spawn(upkeep(kept_up, background.clone()));
        let factory = Factory::new(FactoryParts {
            sealer: Sealer::ensure(folder)?,
            config,
            clock: Arc::clone(clock),
            ids: Arc::clone(ids),
            runs: Arc::clone(runs),
            projects,
            tokens: Tokens::new(token_store),
            bus,
            logs,
            catalogue,
            engine,
            source: Arc::new(GitWorkflows::new(reader, background.clone())),
            metrics: Metrics::install(),
            databases: ground.databases(),
        });
        Ok(Self { factory: Arc::new(factory), tools, ground, background })
    }

    /// The registry.
    pub(crate) const fn registry(&self) -> &Registry {
        &self.ground.registry
    }

    /// The data folder.
    pub(crate) const fn folder(&self) -> &DataFolder {
        &self.ground.folder
    }

    /// Writes down where the process can be reached, for others and for clients.
    pub(crate) fn announce(&mut self, local_url: &str) -> Result<(), DataError> {
        let Ground { lock, folder, .. } = &mut self.ground;
        lock.listening_at(folder, local_url)?;
        Endpoint { url: local_url.to_owned(), pid: std::process::id() }.announce(folder)
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
        self.ground.close().await;
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
