//! The world in which one step is tested: its stores, its journal, its attempts.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use engine_ports::{
    Action, ActionError, RunSource, Services, StepContext, StepSettings, UndoContext, UndoOutcome,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use vocab::{
    EffectState, Inputs, Limits, ManualClock, Name, Outputs, RunId, SeededIds, StepPath, TenantName,
};

use super::content::Content;
use super::journal::{AttemptJournal, is_alive};
use super::leftovers;
use super::{CollectingLog, DirectTools, FakeArtifacts, FakeImages, FakeJournal, FakeSecrets};

/// Everything that one step and its undo meet. Settings and the like are changed before a context is made.
pub struct Harness {
    folder: TempDir,
    /// Files between steps.
    pub artifacts: Arc<FakeArtifacts>,
    /// Images and repositories.
    pub images: Arc<FakeImages>,
    /// Secrets.
    pub secrets: Arc<FakeSecrets>,
    /// The step's effects.
    pub journal: Arc<FakeJournal>,
    /// What all attempts said.
    pub log: Arc<CollectingLog>,
    /// The tenant: `acme`.
    pub tenant: TenantName,
    /// What the operator configured.
    pub settings: StepSettings,
    /// Bounds.
    pub limits: Limits,
    /// Whether the project is trusted with the host; it is not.
    pub trust_host: bool,
    /// The commit that started the run; none.
    pub source: Option<RunSource>,
    /// Stops every attempt and undo.
    pub cancel: CancellationToken,
    run: RunId,
    attempts: AtomicU32,
}

impl Default for Harness {
    fn default() -> Self {
        Self::new()
    }
}

impl Harness {
    /// A fresh world.
    pub fn new() -> Self {
        let content = Arc::new(Content::new());
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            artifacts: Arc::new(FakeArtifacts::new(Arc::clone(&content))),
            images: Arc::new(FakeImages::new(content)),
            secrets: Arc::default(),
            journal: Arc::default(),
            log: Arc::default(),
            tenant: "acme".parse::<Name>().expect("a name"),
            settings: StepSettings::default(),
            limits: Limits::default(),
            trust_host: false,
            source: None,
            cancel: CancellationToken::new(),
            run: RunId::generate(&SeededIds::default()),
            attempts: AtomicU32::new(0),
        }
    }

    /// The folder that holds the work folders: what an action may write below.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The context of the next attempt, with a work folder of its own.
    pub fn context(&self, action: &dyn Action) -> StepContext {
        let attempt = self.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        let path = StepPath::of_step("step").expect("a step name");
        let journal = AttemptJournal {
            journal: Arc::clone(&self.journal),
            manifest: action.manifest().clone(),
            run: self.run,
            path: path.clone(),
            attempt,
        };
        StepContext {
            tenant: self.tenant.clone(),
            run: self.run,
            path,
            attempt,
            token: u64::from(attempt),
            trust_host: self.trust_host,
            source: self.source.clone(),
            work: self.work(&format!("attempt-{attempt}")),
            cancel: self.cancel.child_token(),
            log: self.log.clone(),
            journal: Arc::new(journal),
            services: self.services(),
            fingerprint: None,
        }
    }

    /// The context of a probe or an undo.
    pub fn undo_context(&self) -> UndoContext {
        let number = self.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        UndoContext {
            tenant: self.tenant.clone(),
            work: self.work(&format!("undo-{number}")),
            cancel: self.cancel.child_token(),
            log: self.log.clone(),
            services: self.services(),
        }
    }

    /// One attempt, as the engine makes it: defaults filled in, inputs and outputs checked against the manifest,
    /// the work folder removed afterwards.
    pub async fn run(&self, action: &dyn Action, inputs: Inputs) -> Result<Outputs, ActionError> {
        let ctx = self.context(action);
        let inputs = filled(action, inputs);
        let outputs = action.execute(&ctx, inputs).await;
        leftovers::end(&ctx.work).await;
        std::fs::remove_dir_all(&ctx.work).expect("the work folder can be removed");
        let outputs = outputs?;
        let manifest = action.manifest();
        for port in &manifest.outputs {
            let value =
                outputs.get(&port.name).unwrap_or_else(|| panic!("the output `{}` is missing", port.name));
            port.ty.check(value).unwrap_or_else(|error| panic!("the output `{}`: {error}", port.name));
        }
        let extra = outputs.keys().find(|name| manifest.output(name).is_none());
        assert_eq!(extra, None, "an output that the manifest does not name");
        Ok(outputs)
    }

    /// Undoes what is made or open, from the last to the first, and writes down how that ended.
    pub async fn compensate(&self, action: &dyn Action) -> Result<Vec<UndoOutcome>, ActionError> {
        let mut outcomes = Vec::new();
        for record in self.journal.records().into_iter().rev().filter(is_alive) {
            let outcome = action.compensate(&self.undo_context(), &record).await?;
            let state = match outcome {
                UndoOutcome::Undone => EffectState::Undone,
                UndoOutcome::Superseded(_) => EffectState::Superseded,
            };
            self.journal.conclude(record.seq, state, None);
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    fn services(&self) -> Arc<Services> {
        Arc::new(Services {
            artifacts: self.artifacts.clone(),
            images: self.images.clone(),
            secrets: self.secrets.clone(),
            tools: Arc::new(DirectTools),
            clock: Arc::new(ManualClock::default()),
            limits: self.limits.clone(),
            settings: self.settings.clone(),
        })
    }

    fn work(&self, name: &str) -> PathBuf {
        let work = self.folder.path().join(name);
        std::fs::create_dir(&work).expect("a work folder");
        work
    }
}

/// Inputs with defaults filled in. Those of a test that break the manifest stop it.
pub(super) fn filled(action: &dyn Action, mut inputs: Inputs) -> Inputs {
    for port in &action.manifest().inputs {
        if let Some(default) = &port.default {
            inputs.entry(port.name.clone()).or_insert_with(|| default.clone());
        }
        match inputs.get(&port.name) {
            Some(value) => {
                port.ty.check(value).unwrap_or_else(|error| panic!("the input `{}`: {error}", port.name));
            }
            None => assert!(!port.required, "the input `{}` is missing", port.name),
        }
    }
    inputs
}
