//! What can be asked of a run from outside its actor, whichever process drives it.

use engine_core::run::{ChildEnd, Decided, DecisionRefused, WaitRefused};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use vocab::{RequestId, RunId, Value};

use crate::claims::Taken;
use crate::engine::{AskError, Decision, Vote};

/// A word to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Somebody wants the run to end.
    Cancel { by: String, reason: Option<String> },
    /// Somebody wants stuck effects to be tried again; the answer counts them.
    RetryUndo { by: String },
    /// Somebody holds the run, lets it go on, or says what follows a paused step.
    Decide { decision: Decision, decided: Decided },
    /// Something happened outside that steps may wait for; the answer counts those that did.
    Signal { name: String, payload: Value, by: String },
    /// One of the people whom a step asks has spoken.
    Vote(Vote),
    /// A run that a step of this one waits for has ended.
    ChildEnded { run: RunId, end: Box<ChildEnd> },
    /// The run that started this one lets go of what it held, or takes it back.
    HoldEnded { kept: bool },
}

/// What became of it: how much it reached, or why it means nothing. It is durable by then.
pub(crate) type Told = Result<usize, Refused>;

/// Why a word is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refused {
    /// The run has ended, has not ended yet, or is past the point where it means anything.
    TooLate(String),
    /// What was decided does not fit where the run is.
    Decision(DecisionRefused),
    /// No step waits for what was told, or not from this person.
    Wait(WaitRefused),
}

impl From<Refused> for AskError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooLate(why) => Self::TooLate(why),
            Refused::Decision(refused) => Self::Refused(refused),
            Refused::Wait(refused) => Self::NotAwaited(refused),
        }
    }
}

/// Who waits for the answer. One who sees the channel close instead does not know what became of the word.
pub(crate) enum Reply {
    /// Somebody in this process.
    Here(oneshot::Sender<Told>),
    /// Whoever left the request in the store: the answer goes there, with the events.
    There(RequestId, Taken),
    /// Nobody.
    Nowhere,
}
