//! The contract of an action: what `uses:` names.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;
use vocab::{
    ActionManifest, Clock, ErrorClass, Inputs, Limits, Name, Outputs, RunId, SecretRef, StepPath, TenantName,
};

use crate::{
    ArtifactStore, Begun, EffectGuard, EffectJournal, EffectRecord, HoldOwner, ImageStore, JournalError,
    Presence, SecretStore, StepLog, StepSettings, ToolRunner, UndoOutcome,
};

/// Why an attempt, a probe or an undo failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ActionError {
    /// What kind of failure: decides about a retry.
    pub class: ErrorClass,
    /// What happened and where, for people. Never a secret.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl ActionError {
    /// An error of `class`.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), help: None }
    }

    /// It will fail again with the same inputs.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Permanent, message)
    }

    /// It may pass by itself.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Transient, message)
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<JournalError> for ActionError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Secret { .. } => Self::permanent(error.to_string()).help(
                "name what is made by something that is no secret; a short secret that is part of usual names needs a longer one in its place",
            ),
            _ => Self::new(ErrorClass::Unknown, error.to_string()),
        }
    }
}

/// What an action reads outside of its inputs, for the cache key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fingerprint {
    /// It reads nothing but its inputs.
    Nothing,
    /// It reads something that this text identifies (an `InRelease` digest, a commit, a base image's digest).
    Of(String),
    /// It reads something that cannot be identified, for this reason: served from the cache only where the
    /// trigger does not ask for freshness.
    Unknown(String),
}

/// Where the run's project lives: what `git/fetch` takes when it is given nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSource {
    /// The project's name.
    pub project: Name,
    /// URL of the Git repository, without credentials.
    pub url: String,
    /// The commit of the run, in full.
    pub commit: String,
    /// The ref that was pushed, such as `refs/heads/main`.
    pub git_ref: Option<String>,
    /// Name of the tenant's secret that opens the repository at `url`, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SecretRef>,
}

/// What the factory lends to actions.
pub struct Services {
    /// Files between steps.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// Images and repositories.
    pub images: Arc<dyn ImageStore>,
    /// Secrets by name.
    pub secrets: Arc<dyn SecretStore>,
    /// Programs of the operator, under the shim.
    pub tools: Arc<dyn ToolRunner>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub limits: Limits,
    /// What the operator configured for steps: mirrors, proxies, roots.
    pub settings: StepSettings,
}

/// All that an attempt may know and use.
pub struct StepContext {
    /// The tenant that owns the run; first part of each of its repositories.
    pub tenant: TenantName,
    /// The run.
    pub run: RunId,
    /// The step instance.
    pub path: StepPath,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Fencing token of the attempt's lease; larger for every later attempt.
    pub token: u64,
    /// Whether the operator trusts this project with the host.
    pub trust_host: bool,
    /// The commit that started the run, where one did.
    pub source: Option<RunSource>,
    /// The attempt's own folder: empty at the start, removed afterwards.
    pub work: PathBuf,
    /// Fires when the attempt must stop: cancelled, timed out, or its lease lost.
    pub cancel: CancellationToken,
    /// The attempt's log.
    pub log: Arc<dyn StepLog>,
    /// The attempt's journal; use [`StepContext::begin`].
    pub journal: Arc<dyn EffectJournal>,
    /// What the factory lends.
    pub services: Arc<Services>,
    /// What [`Action::fingerprint`] said, where the cache asked in this attempt. The outputs are kept under it, so
    /// [`Action::execute`] reads exactly that, whatever has moved since.
    pub fingerprint: Option<Fingerprint>,
}

impl StepContext {
    /// Writes down that an effect is about to be made. Durable before it returns; an error means: do not make it.
    pub async fn begin(&self, name: &str, intent: Json) -> Result<Begun, JournalError> {
        let record = self.journal.begin(name, intent).await?;
        Ok(if record.handle.is_some() {
            Begun::Made(record)
        } else {
            Begun::Fresh(EffectGuard::new(Arc::clone(&self.journal), record))
        })
    }

    /// The owner for what this attempt stores: its run.
    pub const fn owner(&self) -> HoldOwner {
        HoldOwner::Run(self.run)
    }
}

/// What a probe or an undo may use. It may happen in another process, long after the run's worker is gone.
pub struct UndoContext {
    /// The tenant that owns the run.
    pub tenant: TenantName,
    /// A folder of its own: empty at the start, removed afterwards.
    pub work: PathBuf,
    /// Fires when it must stop.
    pub cancel: CancellationToken,
    /// Where to say what is done.
    pub log: Arc<dyn StepLog>,
    /// What the factory lends.
    pub services: Arc<Services>,
}

/// A reusable, versioned implementation.
///
/// An action MUST be idempotent under its effect keys: attempt 2 may find what attempt 1 made. It MUST write each
/// effect down with [`StepContext::begin`] before it makes it, and MUST stop soon after `cancel` fires.
#[async_trait]
pub trait Action: Send + Sync {
    /// Name, ports and promises.
    fn manifest(&self) -> &ActionManifest;

    /// What it reads outside of its inputs. Asked only when [`vocab::Caching::Auto`] is declared.
    async fn fingerprint(&self, _ctx: &StepContext, _inputs: &Inputs) -> Result<Fingerprint, ActionError> {
        Ok(Fingerprint::Nothing)
    }

    /// Does the work. Inputs have been checked against the manifest, defaults filled in; outputs will be.
    async fn execute(&self, ctx: &StepContext, inputs: Inputs) -> Result<Outputs, ActionError>;

    /// Looks whether the effect of an open intent is there.
    async fn probe(&self, _ctx: &UndoContext, _intent: &EffectRecord) -> Result<Presence, ActionError> {
        Ok(Presence::Unknown)
    }

    /// Undoes an effect; MUST succeed when it is already gone, and MUST leave alone what somebody else changed.
    async fn compensate(
        &self,
        _ctx: &UndoContext,
        effect: &EffectRecord,
    ) -> Result<UndoOutcome, ActionError> {
        Err(ActionError::permanent(format!("{} does not know how to undo `{}`", effect.action, effect.key)))
    }
}
