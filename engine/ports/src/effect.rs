//! The effect journal: what an action makes outside is written down before it exists.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use vocab::{ActionRef, EffectState, RunId, StepPath};

/// The stable name of an effect: the same for every attempt, so that a later attempt adopts what an earlier made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectKey {
    /// The run that owns the effect.
    pub run: RunId,
    /// The step instance that made it.
    pub path: StepPath,
    /// The action's own name for it: `tag`, `container`.
    pub name: String,
}

impl fmt::Display for EffectKey {
    /// `RUN/STEP-PATH/NAME`: fit to be a label or an idempotency key outside.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.run, self.path, self.name)
    }
}

/// All that is known about an effect: enough for any process to undo it later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectRecord {
    /// Its stable name.
    pub key: EffectKey,
    /// Action and version that made it and can undo it.
    pub action: ActionRef,
    /// What the action meant to do, with what undo needs (such as the tag's previous digest). Never a secret.
    pub intent: Json,
    /// What came of it (an id, a digest), once it was made.
    pub handle: Option<Json>,
    /// Where it is in its life.
    pub state: EffectState,
    /// The attempt that began it, from 1.
    pub attempt: u32,
    /// Its place in the run's journal; undo goes from high to low.
    pub seq: u64,
}

/// What a look at the outside says about an open intent.
#[derive(Debug, Clone, PartialEq)]
pub enum Presence {
    /// It was never made, or is gone.
    Absent,
    /// It is there; this is its handle.
    Present(Json),
    /// The outside does not tell.
    Unknown,
}

/// How undoing an effect ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoOutcome {
    /// It is no longer there.
    Undone,
    /// Somebody else has changed it since; it was left alone. The text says what was found.
    Superseded(String),
}

/// Why the journal did not take an entry. The action must stop without touching the outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another worker owns the step now, or the run has ended.
    #[error("the attempt no longer holds its lease, so it may not begin an effect")]
    LeaseLost,
    /// The action never declared an effect of that name in its manifest.
    #[error("the action's manifest declares no effect `{0}`")]
    Undeclared(String),
    /// The entry holds a secret that the attempt was given. Masked, it would name something else; so it is refused.
    #[error("the {what} of the effect `{effect}` holds a secret, so that it cannot be written down")]
    Secret {
        /// `intent` or `handle`.
        what: &'static str,
        /// The effect's name.
        effect: String,
    },
    /// The entry is not durable.
    #[error("the effect journal could not be written: {0}")]
    Store(String),
}

/// What `begin` found.
pub enum Begun {
    /// The intent is durable now (or was, from an earlier attempt that never made it): go and make the effect.
    Fresh(EffectGuard),
    /// An earlier attempt made it already: use its handle.
    Made(EffectRecord),
}

/// The journal of one attempt, behind its lease.
#[async_trait]
pub trait EffectJournal: Send + Sync {
    /// Writes the intent of the effect `name`; durable, with all earlier events of the run, when it returns.
    /// An open or made record of an earlier attempt is returned as it is.
    async fn begin(&self, name: &str, intent: Json) -> Result<EffectRecord, JournalError>;

    /// Writes that the effect was made.
    async fn made(&self, name: &str, handle: Json) -> Result<(), JournalError>;

    /// Writes that the effect certainly was not made.
    async fn absent(&self, name: &str) -> Result<(), JournalError>;
}

/// An effect between intent and result. Dropping it leaves the intent open: it will be probed.
#[must_use = "an effect that is neither made nor absent is probed and undone"]
pub struct EffectGuard {
    journal: Arc<dyn EffectJournal>,
    record: EffectRecord,
}

impl EffectGuard {
    /// A guard over an open record of `journal`.
    pub fn new(journal: Arc<dyn EffectJournal>, record: EffectRecord) -> Self {
        Self { journal, record }
    }

    /// The record as the journal has it. Its intent may be an earlier attempt's: follow it.
    pub fn record(&self) -> &EffectRecord {
        &self.record
    }

    /// The effect was made; `handle` is what undo and later attempts need.
    pub async fn made(self, handle: Json) -> Result<(), JournalError> {
        self.journal.made(&self.record.key.name, handle).await
    }

    /// The effect certainly was not made.
    pub async fn absent(self) -> Result<(), JournalError> {
        self.journal.absent(&self.record.key.name).await
    }
}
