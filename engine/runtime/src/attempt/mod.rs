//! One attempt of a step instance, from its grant to its report.

mod check;
mod execute;
mod journal;
mod leash;
mod local;
mod memo;
mod secrets;

use std::time::Duration;

pub(crate) use execute::{Assignment, Ended, execute};
pub(crate) use leash::{Leash, Stop};
pub(crate) use local::{LocalAttempt, LocalAttempts};
pub(crate) use secrets::lend;

/// Pause before something is said to the run once more that the store did not take.
const REPEAT_PAUSE: Duration = Duration::from_millis(200);
