//! What can be said to a run's actor.

use engine_core::run::{ChildEnd, Decided, DecisionRefused, EffectId, WaitRefused};
use engine_ports::{ActionError, EffectRecord, JournalError, Presence, UndoOutcome};
use serde_json::Value as Json;
use tokio::sync::oneshot;
use vocab::{RunId, StepPath, Value};

use crate::attempt::Ended;
use crate::dispatch::Slot;
use crate::engine::{Decision, Vote};

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
    /// Somebody wants the run to end.
    Cancel { by: String, reason: Option<String>, answer: oneshot::Sender<Result<(), TooLate>> },
    /// It is the turn of this run, which waits for it.
    Admit { answer: oneshot::Sender<()> },
    /// A newer run of its group wants its room.
    GiveWay { to: RunId },
    /// Somebody wants stuck effects to be tried again; answers how many there are.
    RetryUndo { by: String, answer: oneshot::Sender<Result<usize, TooLate>> },
    /// Somebody holds the run, lets it go on, or says what follows a paused step.
    Decide { decision: Decision, decided: Decided, answer: oneshot::Sender<Result<(), DecisionRefused>> },
    /// A run that a step of this one starts is there.
    ChildStarted { run: RunId },
    /// A run that a step of this one waits for has ended.
    ChildEnded { run: RunId, end: ChildEnd },
    /// The run that started this one lets go of what it held, or takes it back.
    HoldEnded { kept: bool },
    /// Something happened outside that steps may wait for; answers how many did.
    Signal { name: String, payload: Value, by: String, answer: oneshot::Sender<Result<usize, WaitRefused>> },
    /// One of the people whom a step asks has spoken.
    Vote { vote: Vote, answer: oneshot::Sender<Result<(), WaitRefused>> },
    /// A slot came free for this run.
    Slot(Slot),
    /// Time has passed.
    Wake,
}

/// Why something cannot be asked of a run now: it has ended, has not ended yet, or is past the point where it means
/// anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TooLate(pub(crate) String);

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
