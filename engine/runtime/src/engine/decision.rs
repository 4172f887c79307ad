//! What a person may decide about a run.

use engine_core::run::{Decided, DecisionRefused, Event, RunState, WaitRefused};
use serde::{Deserialize, Serialize};
use vocab::{Outputs, StepPath};

/// A decision. Who decided and why goes beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing new starts; what is under way goes on.
    Pause,
    /// The run goes on.
    Resume,
    /// The paused step is tried again, with all its attempts.
    RetryStep(StepPath),
    /// The paused step is left out, and with it what needs nothing else.
    SkipStep(StepPath),
    /// These outputs stand for what the paused step would have given.
    BypassStep(StepPath, Outputs),
    /// The paused step failed, and what the run made is undone.
    GiveUpStep(StepPath),
}

/// What one person says to a step that asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// The step instance.
    pub step: StepPath,
    /// Who.
    pub by: String,
    /// The names under which they may be asked: `user:ada`, `role:security`.
    pub groups: Vec<String>,
    /// Yes or no.
    pub agrees: bool,
    /// Why, in their words.
    pub reason: String,
}

impl Vote {
    /// The event that records it, where the step asks this person.
    pub(crate) fn event(&self, state: &RunState) -> Result<Event, WaitRefused> {
        state.vote(&self.step, &self.by, &self.groups, self.agrees, &self.reason)
    }
}

impl Decision {
    /// The event that records it, where the run is as it has to be.
    pub(crate) fn event(self, state: &RunState, decided: Decided) -> Result<Event, DecisionRefused> {
        match self {
            Self::Pause => state.pause(decided),
            Self::Resume => state.resume(decided),
            Self::RetryStep(path) => state.retry_paused(&path, decided),
            Self::SkipStep(path) => state.skip_paused(&path, decided),
            Self::BypassStep(path, outputs) => state.bypass_paused(&path, outputs, decided),
            Self::GiveUpStep(path) => state.give_up_paused(&path, decided),
        }
    }
}
