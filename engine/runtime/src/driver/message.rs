//! What can be said to a run's actor.

use engine_core::run::EffectId;
use engine_ports::{ActionError, EffectRecord, JournalError, Presence, UndoOutcome};
use serde_json::Value as Json;
use tokio::sync::oneshot;
use vocab::{RunId, StepPath};

use super::ask::{Ask, Reply};
use crate::attempt::Ended;
use crate::dispatch::Slot;

/// A message. Whoever asks for an answer and sees the channel close instead does not know what became of it.
pub(crate) enum Message {
    /// An attempt reports.
    Ended(Box<Ended>),
    /// An attempt's lease is gone.
    Lost { path: StepPath, token: u64 },
    /// An attempt writes to the effect journal.
    Journal(Box<JournalEntry>),
    /// A probe is over.
    Probed { effect: EffectId, presence: Result<Presence, ActionError> },
    /// A try to undo an effect is over.
    Undone { effect: EffectId, nth: u32, outcome: Result<UndoOutcome, ActionError> },
    /// Somebody has a word for the run.
    Asked(Ask, Reply),
    /// It is the turn of this run, which waits for it.
    Admit { answer: oneshot::Sender<()> },
    /// A newer run of its group wants its room.
    GiveWay { to: RunId },
    /// A run that a step of this one starts is there.
    ChildStarted { run: RunId },
    /// A slot came free for this run.
    Slot(Slot),
    /// Time has passed.
    Wake,
}

/// An entry for the effect journal.
pub(crate) struct JournalEntry {
    pub(crate) path: StepPath,
    pub(crate) name: String,
    /// Fencing token of the attempt.
    pub(crate) token: u64,
    pub(crate) write: JournalWrite,
    pub(crate) answer: oneshot::Sender<Result<EffectRecord, JournalError>>,
}

/// What is written.
#[derive(Clone)]
pub(crate) enum JournalWrite {
    Begin(Json),
    Made(Json),
    Absent,
}
