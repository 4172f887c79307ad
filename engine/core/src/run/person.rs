//! What a person may decide about a run: hold it, let it go on, and say what follows a step that is paused.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vocab::{Outputs, StepPath};

use super::facts::{Settling, Slot};
use super::state::RunState;
use super::{Decided, Event, Failure, RunPhase, SkipReason, StepPhase};

/// Why a decision cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum DecisionRefused {
    /// There is no such step.
    #[error("this run has no step `{0}`")]
    NoStep(StepPath),
    /// The step does not wait for a person.
    #[error("step `{path}` is {phase}: only a paused step waits for a decision")]
    NotPaused {
        /// The step instance.
        path: StepPath,
        /// Where it is.
        phase: Cow<'static, str>,
    },
    /// Another try would read the same values and end the same way.
    #[error(
        "step `{0}` never started, since its condition, its list or its inputs cannot be evaluated: leave it out, supply its outputs, or give it up"
    )]
    NeverStarted(StepPath),
    /// The outputs that were supplied are not what the action promises.
    #[error("step `{path}` cannot be bypassed: {problem}")]
    Outputs {
        /// The step instance.
        path: StepPath,
        /// What is wrong with them.
        problem: String,
        /// What they should be.
        help: Option<String>,
    },
    /// The run cannot be held or let go.
    #[error("the run {0}")]
    Run(Cow<'static, str>),
}

impl DecisionRefused {
    const fn run(why: &'static str) -> Self {
        Self::Run(Cow::Borrowed(why))
    }
}

impl RunState {
    /// Holds the run: what is under way goes on, nothing new starts.
    pub fn pause(&self, decided: Decided) -> Result<Event, DecisionRefused> {
        match self.facts.phase {
            RunPhase::Body | RunPhase::Finalizing if self.facts.paused => {
                Err(DecisionRefused::run("is held already"))
            }
            RunPhase::Body | RunPhase::Finalizing => Ok(Event::RunPaused { decided }),
            RunPhase::New | RunPhase::Queued => Err(DecisionRefused::run("has not started yet")),
            RunPhase::Closing | RunPhase::Unwinding => {
                Err(DecisionRefused::run("is undoing its effects, which nothing holds back"))
            }
            RunPhase::Ended => Err(DecisionRefused::run("has ended")),
        }
    }

    /// Lets a run go on that was held.
    pub fn resume(&self, decided: Decided) -> Result<Event, DecisionRefused> {
        let held = self.facts.paused && self.facts.phase != RunPhase::Ended;
        if held { Ok(Event::RunResumed { decided }) } else { Err(DecisionRefused::run("is not held")) }
    }

    /// Has a paused step tried again, with all its attempts.
    pub fn retry_paused(&self, path: &StepPath, decided: Decided) -> Result<Event, DecisionRefused> {
        let slot = self.paused_slot(path)?;
        if self.instance(slot).ready_at.is_none() {
            return Err(DecisionRefused::NeverStarted(path.clone()));
        }
        Ok(Event::StepRetried { path: path.clone(), decided })
    }

    /// Leaves a paused step out: what needs it goes on, and what its attempts made is undone.
    pub fn skip_paused(&self, path: &StepPath, decided: Decided) -> Result<Event, DecisionRefused> {
        self.paused_slot(path)?;
        let decided = Some(decided);
        Ok(Event::StepSkipped { path: path.clone(), reason: SkipReason::Decided, decided })
    }

    /// Takes outputs from a person in place of a paused step's, checked like those of its action. What its attempts
    /// made is undone.
    pub fn bypass_paused(
        &self,
        path: &StepPath,
        outputs: Outputs,
        decided: Decided,
    ) -> Result<Event, DecisionRefused> {
        let slot = self.paused_slot(path)?;
        self.promise(slot).check(&outputs).map_err(|Failure { message, help, .. }| {
            DecisionRefused::Outputs { path: path.clone(), problem: message, help }
        })?;
        Ok(Event::StepBypassed { path: path.clone(), outputs, decided })
    }

    /// Gives a paused step up: it failed, and the run goes back.
    pub fn give_up_paused(&self, path: &StepPath, decided: Decided) -> Result<Event, DecisionRefused> {
        let slot = self.paused_slot(path)?;
        let (error, timed_out) = match &self.instance(slot).settling {
            Some(Settling::Failed { error, timed_out }) => (error.clone(), *timed_out),
            // A paused step keeps what paused it.
            _ => (Failure::new(vocab::ErrorClass::Unknown, "it was paused"), false),
        };
        let decided = Some(decided);
        Ok(Event::StepFailed { path: path.clone(), error, allowed: false, timed_out, decided })
    }

    /// The step instances that wait for a person, in the order of the workflow.
    pub fn awaiting(&self) -> impl Iterator<Item = StepPath> {
        self.facts.awaiting.iter().map(|&slot| self.path(slot))
    }

    fn paused_slot(&self, path: &StepPath) -> Result<Slot, DecisionRefused> {
        let slot = self.slot(path).ok_or_else(|| DecisionRefused::NoStep(path.clone()))?;
        match self.instance(slot).phase {
            StepPhase::Paused => Ok(slot),
            other => Err(DecisionRefused::NotPaused { path: path.clone(), phase: other.name().into() }),
        }
    }
}
