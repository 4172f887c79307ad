//! What follows an attempt that ended without success.

use std::time::Duration;

use vocab::ErrorClass;

use super::facts::{Settling, Slot};
use super::state::RunState;
use super::{Failure, Halt};

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum After {
    /// Another attempt, once open intents are settled and this time has passed.
    Retry { wait: Duration },
    /// The step's failure.
    Fail { error: Failure, timed_out: bool },
    /// The step's end, since the run was halted.
    Cancel(Halt),
}

impl RunState {
    /// Decides from the policy of the step, what the run has come to, and how often attempts failed or were lost.
    pub(crate) fn after(&self, slot: Slot) -> After {
        let instance = self.instance(slot);
        let retry = &self.plan.step(slot.step).retry;
        match (&instance.settling, self.halt_of(slot.step)) {
            (Some(Settling::Failed { error, .. }), None)
                if instance.failures < retry.attempts
                    && retry.on.contains(&error.class)
                    && error.class != ErrorClass::Gate =>
            {
                let wait = retry.backoff.before(instance.failures + 1);
                let key = self.path(slot).to_string();
                self.unless_stuck(slot, self.jittered(&key, instance.attempt, wait))
            }
            (Some(Settling::Failed { error, timed_out }), _) => {
                After::Fail { error: error.clone(), timed_out: *timed_out }
            }
            (_, Some(halt)) => After::Cancel(halt),
            (_, None) if u64::from(instance.losses) > self.facts.limits.lost_attempts => {
                let times = instance.losses;
                let error = Failure::new(
                    ErrorClass::Unknown,
                    format!("the worker was lost {times} times while it executed this step"),
                );
                let help = "look for what stops the worker (memory, disk, a restart) before you try again";
                After::Fail { error: error.help(help), timed_out: false }
            }
            (_, None) => self.unless_stuck(slot, Duration::ZERO),
        }
    }

    /// An effect that may still be there and cannot be undone forbids another attempt: it could double it.
    fn unless_stuck(&self, slot: Slot, wait: Duration) -> After {
        if self.instance(slot).stuck == 0 {
            return After::Retry { wait };
        }
        let message = "an effect of an earlier attempt may still be there and could not be undone, so that another \
                       attempt could double it";
        let help = "see the run's effects for what is stuck, remove it, and run again";
        After::Fail { error: Failure::new(ErrorClass::Unknown, message).help(help), timed_out: false }
    }
}
