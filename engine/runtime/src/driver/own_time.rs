//! The time of one run, which never goes back, whatever the machine's clock is set to between two starts.
//!
//! A restart takes the wall clock as it is. Where somebody has set it back, the events of a run may lie in its future.
//! Such a run goes on from its last event, as far ahead of the process for as long as the process lives: a timer that
//! was due ten minutes after that event is due in ten minutes, and not when the clock has caught up.

use std::time::Duration;

use engine_core::run::RunState;
use vocab::Timestamp;

/// How far a run's time is ahead of the process's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lead(Duration);

impl Lead {
    /// As far as the last event of the run lies after `now`.
    pub(crate) fn of(state: &RunState, now: Timestamp) -> Self {
        Self(state.clock(now).since(now))
    }

    /// The run's time, when it is `now` for the process.
    pub(crate) fn time(self, now: Timestamp) -> Timestamp {
        now.plus(self.0)
    }

    /// When the process has come to the time `at` of the run.
    pub(crate) fn reached(self, at: Timestamp) -> Timestamp {
        at.minus(self.0)
    }

    pub(crate) const fn is_none(self) -> bool {
        self.0.is_zero()
    }
}
