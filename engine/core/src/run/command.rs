//! What the state machine asks the driver to do, once the events before it are durable.

use vocab::{RunId, StepPath};

use super::{EffectId, Halt};

/// Imperative and idempotent: a command that equals one under way is that command, and doing one twice is the same as
/// doing it once.
///
/// Starting an attempt is not among them: [`RunState::ready`](super::RunState::ready) says what may start, and
/// whoever has a worker free grants it with [`Event::AttemptStarted`](super::Event::AttemptStarted).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// Make the attempt stop and report how it ended.
    CancelAttempt {
        /// The step instance.
        path: StepPath,
        /// Number of the attempt.
        attempt: u32,
        /// Fencing token of the attempt.
        token: u64,
        /// What stops it.
        because: Halt,
    },
    /// Look whether the effect of an open intent is there; answer with `EffectMade`, `EffectAbsent` or
    /// `EffectUncertain`, without a token.
    ProbeEffect {
        /// The effect.
        effect: EffectId,
    },
    /// Start the run that the step waits for, unless it is there; tell with
    /// [`child_ended`](super::RunState::child_ended) when it has ended.
    StartRun {
        /// The step instance.
        path: StepPath,
        /// The run.
        run: RunId,
        /// Which of the plan's workflows it runs.
        workflow: String,
    },
    /// Cancel the run that a step waits for.
    CancelRun {
        /// The run.
        run: RunId,
    },
    /// Take the run back: end it if it goes on, and have everything undone that it made; answer as to
    /// [`Command::UndoEffect`].
    TakeBackRun {
        /// The effect that stands for it.
        effect: EffectId,
        /// Number of the try, from 1.
        nth: u32,
        /// The run.
        run: RunId,
    },
    /// Undo the effect; answer with `EffectUndone`, `EffectSuperseded` or `UndoFailed`.
    UndoEffect {
        /// The effect.
        effect: EffectId,
        /// Number of the try, from 1.
        nth: u32,
    },
}
