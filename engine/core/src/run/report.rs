//! How attempts and undos ended, turned into the events that say so.

use vocab::{ErrorClass, Outputs, StepPath};

use super::facts::{InstanceFacts, Slot};
use super::state::RunState;
use super::{CacheKey, CachedFrom, EffectId, Event, Failure, StepPhase};

/// How an attempt ended, as its worker tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// It gave outputs.
    Succeeded {
        /// The outputs, not checked yet.
        outputs: Outputs,
        /// Where they come from when they were computed earlier.
        cached: Option<CachedFrom>,
        /// The key under which the cache was asked, when it was.
        key: Option<CacheKey>,
    },
    /// It failed.
    Failed(Failure),
    /// Its time ran out, and it was stopped.
    TimedOut,
    /// It stopped because it was told to.
    Cancelled,
    /// Its worker is gone.
    Lost,
}

/// The attempt may neither report nor begin an effect: another one owns the step, or none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the attempt of step `{path}` with token {token} does not hold its lease any more")]
pub struct LeaseLost {
    /// The step instance.
    pub path: StepPath,
    /// The token that it came with.
    pub token: u64,
}

/// An attempt that a worker executes.
#[derive(Debug, Clone)]
pub struct RunningAttempt {
    /// The step instance.
    pub path: StepPath,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Its fencing token.
    pub token: u64,
    /// Its worker.
    pub worker: vocab::WorkerId,
}

impl RunState {
    /// The event that records how the attempt with `token` ended. Outputs that break a promise of the action, or that
    /// do not fit into an event, make it a failure.
    pub fn conclude(&self, path: &StepPath, token: u64, report: Report) -> Result<Event, LeaseLost> {
        let (slot, instance) = self.holder(path, token)?;
        let (path, attempt) = (path.clone(), instance.attempt);
        let failed = |error: Failure, timed_out| Event::AttemptFailed {
            path: path.clone(),
            attempt,
            token,
            error: error.bounded(),
            timed_out,
        };
        Ok(match report {
            Report::Succeeded { outputs, cached, key } => match self.promise(slot).check(&outputs) {
                Ok(()) => Event::AttemptSucceeded { path, attempt, token, outputs, cached, key },
                Err(failure) => failed(failure, false),
            },
            Report::Failed(failure) => failed(failure, false),
            Report::TimedOut => {
                let seconds = instance.timeout_millis.div_ceil(1000);
                let message = format!("the attempt took longer than its {seconds} s and was stopped");
                let help = "raise `timeout`, or look in the log for what it waited for";
                failed(Failure::new(ErrorClass::Unknown, message).help(help), true)
            }
            Report::Cancelled => Event::AttemptCancelled { path, attempt, token },
            Report::Lost => Event::AttemptLost { path, attempt, token },
        })
    }

    /// The attempts that workers execute, in the order of the workflow.
    pub fn running(&self) -> impl Iterator<Item = RunningAttempt> {
        self.facts.running.iter().filter_map(|&slot| {
            let instance = self.instance(slot);
            let worker = instance.worker?;
            Some(RunningAttempt {
                path: self.path(slot),
                attempt: instance.attempt,
                token: instance.token,
                worker,
            })
        })
    }

    /// The event that records a failed try to undo the effect. `None` when no try is under way.
    pub fn undo_failed(&self, effect: &EffectId, error: Failure) -> Option<Event> {
        let facts = self.effect(self.number_of(effect)?);
        (facts.phase == super::EffectPhase::Undoing).then(|| Event::UndoFailed {
            effect: effect.clone(),
            nth: facts.tries,
            error: error.bounded(),
        })
    }

    /// The instance whose attempt holds the lease with `token`.
    pub(crate) fn holder(&self, path: &StepPath, token: u64) -> Result<(Slot, &InstanceFacts), LeaseLost> {
        let lost = || LeaseLost { path: path.clone(), token };
        let slot = self.slot(path).ok_or_else(lost)?;
        let instance = self.instance(slot);
        if instance.phase == StepPhase::Running && instance.token == token {
            Ok((slot, instance))
        } else {
            Err(lost())
        }
    }
}
