//! What an engine is made of, and what it is given to do.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine_ports::{EventBus, RunSource, RunStore, Services};
use lang::Workflow;
use serde_json::Value as Json;
use vocab::{Clock, IdSource, Inputs, Limits, ProjectId, TenantName, WorkerId};

use crate::actions::ActionSet;
use crate::logs::Logs;
use crate::work::SpaceWatch;

/// Where an engine keeps what is not in its stores. All of it lies in the data folder, which its holder has locked.
#[derive(Debug, Clone)]
pub struct EngineDirs {
    /// Work folders of attempts.
    pub work: PathBuf,
    /// Records of shims.
    pub shims: PathBuf,
}

impl EngineDirs {
    /// The usual places below a data folder.
    pub fn below(data: impl Into<PathBuf>) -> Self {
        let data = data.into();
        Self { work: data.join("work"), shims: data.join("shims") }
    }
}

/// The parts of an engine.
pub struct EngineParts {
    /// Truth about runs.
    pub store: Arc<dyn RunStore>,
    /// What is lent to actions. Its limits, clock and tools are those of the engine.
    pub services: Arc<Services>,
    /// The actions.
    pub actions: ActionSet,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids of runs.
    pub ids: Arc<dyn IdSource>,
    /// Where news of runs are published.
    pub bus: Arc<dyn EventBus>,
    /// Logs of attempts. Those with an archive go there when they are complete.
    pub logs: Logs,
    /// Whether logs of attempts stay files until the next start: for a process that ends with its run, so that a
    /// person finds them.
    pub log_files_stay: bool,
    /// Folders.
    pub dirs: EngineDirs,
    /// The space of the data folder. The engine measures it, for everybody who was given the same.
    pub space: Arc<SpaceWatch>,
    /// Bounds.
    pub limits: Limits,
    /// This process; a fresh id at each start.
    pub worker: WorkerId,
    /// Whether other processes work on the same rows.
    pub sharing: Sharing,
}

/// Whether an engine has its rows to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// One process works on them, and its caller has seen to that: every run is its own.
    #[default]
    Alone,
    /// Several processes do, each on the runs that it has claimed.
    Claims {
        /// How long a claim lasts unless it is renewed, by the store's clock: what a process drove that died is taken
        /// over after that. It is renewed five times as often.
        lasts: Duration,
    },
}

/// What holds for a run that is started once more: as it is now, never as it was for the earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The commit of the earlier run, with the repository and the secret that the project names now.
    pub source: Option<RunSource>,
    /// Whether the operator trusts the project with the host now. Without a project: no.
    pub trust_host: bool,
}

/// A run to be started.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Whose run it is.
    pub tenant: TenantName,
    /// The project that it belongs to; none for a local file.
    pub project: Option<ProjectId>,
    /// The workflow, compiled against this engine's actions.
    pub workflow: Workflow,
    /// The workflows that its steps may start as runs of their own.
    pub workflows: Vec<Workflow>,
    /// Inputs as they were given; checked here, defaults filled in.
    pub inputs: Inputs,
    /// What started it: an object with `kind` (`push`, `manual`) and, where known, `ref`, `commit`, `actor`.
    pub trigger: Json,
    /// The commit whose workflow runs, where there is one.
    pub source: Option<RunSource>,
    /// Whether the operator trusts the project with the host.
    pub trust_host: bool,
    /// The part of the cache that is the run's own, for a run whose steps others wrote than those who may write to a
    /// protected branch: `pull/12`. It reads that part and then the protected one, and what it computes goes into its own
    /// alone. `None`: the protected part, which reads from no other.
    pub cache_scope: Option<String>,
    /// The delivery that asks for this run, and the workflow's file: the same pair never starts a second run.
    pub origin: Option<(String, String)>,
}
