//! A data folder, its stores, and engines that start and stop over them.

use std::sync::Arc;
use std::time::Duration;

use engine_ports::{EffectRecord, RunRow, RunStore, Services, StepRow, StepSettings};
use engine_runtime::{
    ActionSet, Engine, EngineDirs, EngineParts, InProcessBus, LargeValues, LogArchive, LogName, Logs,
    Sharing, SpaceWatch, StartError, Submission, SystemIds,
};
use engine_stores::{MemoryRunStore, SqliteRunStore};
use futures::TryStreamExt as _;
use lang::{CompileOptions, SourceFile, Trust, Workflow, compile};
use migrations::{Database, Options, Schema};
use serde_json::json;
use tempfile::TempDir;
use vocab::{Clock, Inputs, Limits, RunId, StepStatus, TenantName, WorkerId};

use crate::actions;
use crate::clock::SetClock;
use crate::faults::Faulty;
use crate::oracle::Witness;
use crate::outside::{MemoryArtifacts, Nothing, OneSecret, Outside};
use crate::scripted::{self, Script};

pub(crate) struct World {
    pub(crate) home: TempDir,
    pub(crate) store: Arc<Faulty>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) artifacts: Arc<MemoryArtifacts>,
    pub(crate) limits: Limits,
    pub(crate) trust_host: bool,
    /// The actions are those that are shipped, with a script behind them.
    pub(crate) scripted: Option<Script>,
    pub(crate) sharing: Sharing,
    pub(crate) clock: Arc<SetClock>,
    database: Option<Database>,
}

/// Which store a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Memory,
    Sqlite,
}

pub(crate) const BOTH: [On; 2] = [On::Memory, On::Sqlite];

impl World {
    pub(crate) async fn new(on: On) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut database = None;
        let store: Arc<dyn RunStore> = match on {
            On::Memory => Arc::new(MemoryRunStore::new()),
            On::Sqlite => {
                let path = home.path().join("engine.db");
                let opened = Database::open(path, Schema::Engine, Options::default()).await.unwrap();
                database = Some(opened.clone());
                Arc::new(SqliteRunStore::new(opened))
            }
        };
        let witness = Arc::new(Witness::below(home.path()));
        Self { home, witness, database, ..Self::over(store) }
    }

    /// Over rows that are there.
    pub(crate) fn over(store: Arc<dyn RunStore>) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self {
            witness: Arc::new(Witness::below(home.path())),
            home,
            store: Arc::new(Faulty::new(store)),
            outside: Arc::default(),
            artifacts: Arc::default(),
            limits: Limits { free_bytes: 0, grace_seconds: 1, drain_seconds: 5, ..Limits::default() },
            trust_host: false,
            scripted: None,
            sharing: Sharing::Alone,
            clock: Arc::default(),
            database: None,
        }
    }

    /// A process beside this one: on the same rows and the same outside, with a folder of its own.
    pub(crate) fn beside(&self) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            store: Arc::new(self.store.next()),
            outside: Arc::clone(&self.outside),
            witness: Arc::clone(&self.witness),
            artifacts: Arc::clone(&self.artifacts),
            limits: self.limits.clone(),
            trust_host: self.trust_host,
            scripted: self.scripted.clone(),
            sharing: self.sharing,
            clock: Arc::clone(&self.clock),
            database: None,
        }
    }

    /// The world after a crash, for the process that comes next.
    pub(crate) fn reborn(self) -> Self {
        let store = Arc::new(self.store.next());
        Self { store, ..self }
    }

    pub(crate) fn actions(&self) -> ActionSet {
        let actions = match &self.scripted {
            Some(script) => scripted::all(script, &self.outside, &self.witness),
            None => actions::all(&self.outside, &self.witness, &self.store),
        };
        ActionSet::new(actions).unwrap()
    }

    pub(crate) async fn start(&self) -> Engine {
        self.try_start().await.unwrap()
    }

    pub(crate) async fn try_start(&self) -> Result<Engine, StartError> {
        let clock = self.clock.clone();
        let ids = SystemIds::new();
        let worker = WorkerId::generate(&ids);
        let services = Services {
            artifacts: self.artifacts.clone(),
            images: Arc::new(Nothing),
            secrets: Arc::new(OneSecret),
            tools: Arc::new(Nothing),
            clock: clock.clone(),
            limits: self.limits.clone(),
            settings: StepSettings::default(),
        };
        let parts = EngineParts {
            store: self.whole(),
            services: Arc::new(services),
            actions: self.actions(),
            clock: clock.clone(),
            ids: Arc::new(ids),
            bus: Arc::new(InProcessBus::new(1024)),
            logs: self.logs(clock),
            log_files_stay: false,
            dirs: EngineDirs::below(self.home.path()),
            space: Arc::new(SpaceWatch::new(self.home.path(), &self.limits)),
            limits: self.limits.clone(),
            worker,
            sharing: self.sharing,
        };
        Engine::start(parts).await
    }

    /// The store as the engine sees it: `store` has the rows, and what is large for a row lies in `artifacts`.
    pub(crate) fn whole(&self) -> Arc<dyn RunStore> {
        Arc::new(LargeValues::new(self.store.clone(), self.artifacts.clone(), &self.limits))
    }

    pub(crate) fn logs(&self, clock: Arc<dyn Clock>) -> Logs {
        let archive = LogArchive { store: self.store.clone(), artifacts: self.artifacts.clone() };
        let logs = Logs::open(self.home.path().join("logs"), &self.limits, clock).unwrap();
        logs.archived_in(archive)
    }

    pub(crate) fn workflow(&self, name: &str, steps: &str) -> Workflow {
        let text = format!(
            "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata:\n  name: {name}\non:\n  manual: {{}}\n{steps}"
        );
        let options = CompileOptions { limits: Limits::default(), trust: Trust::Host };
        let compiled = compile(&SourceFile::new("test.yaml", text), self.actions().catalogue(), &options);
        compiled.workflow.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
    }

    pub(crate) fn submission(&self, steps: &str) -> Submission {
        Submission {
            tenant: TenantName::default_tenant(),
            project: None,
            workflow: self.workflow("test", steps),
            workflows: Vec::new(),
            inputs: Inputs::new(),
            trigger: json!({ "kind": "manual" }),
            source: None,
            trust_host: self.trust_host,
            cache_scope: None,
            origin: None,
        }
    }

    pub(crate) async fn submit(&self, engine: &Engine, steps: &str) -> RunId {
        engine.submit(self.submission(steps)).await.unwrap()
    }

    /// A run from its submission to its end.
    pub(crate) async fn run(&self, engine: &Engine, steps: &str) -> RunRow {
        let run = self.submit(engine, steps).await;
        self.end(engine, run).await
    }

    pub(crate) async fn end(&self, engine: &Engine, run: RunId) -> RunRow {
        let Ok(row) = tokio::time::timeout(Duration::from_secs(30), engine.wait(run)).await else {
            panic!("run {run} does not end: {:#?}", self.step_words(run).await)
        };
        row.unwrap()
    }

    pub(crate) async fn steps(&self, run: RunId) -> Vec<StepRow> {
        self.store.steps(run).await.unwrap()
    }

    pub(crate) async fn step(&self, run: RunId, path: &str) -> StepRow {
        let path = path.parse().unwrap();
        self.steps(run).await.into_iter().find(|step| step.path == path).unwrap()
    }

    pub(crate) async fn step_words(&self, run: RunId) -> Vec<(String, StepStatus)> {
        self.steps(run).await.into_iter().map(|step| (step.path.to_string(), step.status)).collect()
    }

    pub(crate) async fn effects(&self, run: RunId) -> Vec<EffectRecord> {
        self.store.effects(run).await.unwrap()
    }

    /// Kinds of the run's events, in order.
    pub(crate) async fn events(&self, run: RunId) -> Vec<String> {
        let events = self.store.events(run, 0, 10_000).await.unwrap();
        events.into_iter().map(|event| event.kind).collect()
    }

    pub(crate) async fn log(&self, engine: &Engine, run: RunId, path: &str, attempt: u32) -> Vec<String> {
        let name = LogName::Attempt { run, path: path.parse().unwrap(), attempt };
        let lines: Vec<_> = engine.logs().follow(name, 0).try_collect().await.unwrap();
        lines.into_iter().map(|line| line.entry.text).collect()
    }

    /// Waits until the outside has seen `event`.
    pub(crate) async fn sees(&self, event: &str) {
        self.outside.until(event).await;
    }

    pub(crate) async fn close(self, engine: Engine) {
        engine.shutdown().await;
        drop(engine);
        if let Some(database) = &self.database {
            database.close().await;
        }
    }
}
