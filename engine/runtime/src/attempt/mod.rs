//! One attempt of a step instance, from its grant to its report.

mod check;
mod execute;
mod journal;
mod leash;
mod local;
mod memo;
mod secrets;

pub(crate) use execute::{Assignment, Ended, execute};
pub(crate) use leash::{Leash, Stop};
pub(crate) use local::{LocalAttempt, LocalAttempts};
pub(crate) use secrets::lend;
