//! The bounds a run lives by, fixed when it is created: a changed configuration never changes a run's past.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vocab::{ErrorClass, Limits, json_bytes};

use super::Failure;

/// The part of [`Limits`] that decisions about one run depend on. Recorded in the run's first event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimits {
    /// What a run is created with, and what an effect says, in bytes.
    pub event_bytes: u64,
    /// Inputs, outputs or items of one step, in bytes; larger ones fail their step.
    #[serde(default = "value_bytes_before")]
    pub value_bytes: u64,
    /// Inputs, outputs and items of all steps together, in bytes.
    #[serde(default = "unbounded")]
    pub run_value_bytes: u64,
    /// Step instances of the run.
    pub run_steps: u64,
    /// Time of one attempt when the workflow names none, in milliseconds.
    pub attempt_millis: u64,
    /// Times that a step's attempt may be lost before the step fails.
    pub lost_attempts: u64,
    /// Tries to undo one effect before it counts as stuck.
    pub undo_attempts: u64,
    /// Operations that one expression may take.
    pub expression_operations: u64,
}

impl RunLimits {
    /// The time of one attempt when the workflow names none.
    pub const fn attempt(&self) -> Duration {
        Duration::from_millis(self.attempt_millis)
    }

    /// The bytes that `value` takes in an event, when those are more than one may have.
    pub fn excess<T: Serialize + ?Sized>(&self, value: &T) -> Option<u64> {
        excess(value, self.event_bytes)
    }

    /// What one step may take or give, whatever the others do.
    pub(crate) const fn value(&self) -> Room {
        Room { key: "value_bytes", bytes: self.value_bytes }
    }

    /// All bounds, with defaults where decisions do not look: the form that expressions take.
    pub(crate) fn in_full(&self) -> Limits {
        Limits {
            event_bytes: self.event_bytes,
            value_bytes: self.value_bytes,
            run_value_bytes: self.run_value_bytes,
            run_steps: self.run_steps,
            attempt_seconds: self.attempt_millis / 1000,
            lost_attempts: self.lost_attempts,
            undo_attempts: self.undo_attempts,
            expression_operations: self.expression_operations,
            ..Limits::default()
        }
    }
}

impl From<&Limits> for RunLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            event_bytes: limits.event_bytes,
            value_bytes: limits.value_bytes,
            run_value_bytes: limits.run_value_bytes,
            run_steps: limits.run_steps,
            attempt_millis: limits.attempt_seconds.saturating_mul(1000),
            lost_attempts: limits.lost_attempts,
            undo_attempts: limits.undo_attempts,
            expression_operations: limits.expression_operations,
        }
    }
}

impl Default for RunLimits {
    fn default() -> Self {
        Self::from(&Limits::default())
    }
}

/// The bound of runs that were created before there was one of its own.
const fn value_bytes_before() -> u64 {
    64 * 1024
}

/// As that: the number of steps alone bounded them.
const fn unbounded() -> u64 {
    u64::MAX
}

/// How much a value may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// The limit that bounds it.
    pub(crate) key: &'static str,
    /// As JSON.
    pub(crate) bytes: u64,
}

/// Fails when `value` takes more than there is room.
pub(crate) fn check_size<T: Serialize + ?Sized>(
    value: &T,
    room: Room,
    what: impl FnOnce() -> String,
) -> Result<(), Failure> {
    let Room { key, bytes: limit } = room;
    let Some(bytes) = excess(value, limit) else { return Ok(()) };
    let message = format!("{} take {bytes} bytes, more than {limit} (limit `{key}`)", what());
    let help = "pass large content as an artifact: a tree, a report or an image";
    Err(Failure::new(ErrorClass::Permanent, message).help(help))
}

/// The bytes that `value` takes, when those are more than `limit`. What cannot be written does not fit either.
fn excess<T: Serialize + ?Sized>(value: &T, limit: u64) -> Option<u64> {
    match json_bytes(value) {
        Some(bytes) => (bytes > limit).then_some(bytes),
        None => Some(u64::MAX),
    }
}
