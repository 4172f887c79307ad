//! What kind of failure an attempt met: the class decides what happens next.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The class of a failure. Retry policies name these words.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// A fault that passes by itself: a broken connection, a busy mirror. Retried with backoff.
    Transient,
    /// Something is full or locked for now. Retried after a longer wait.
    Capacity,
    /// A credential was refused.
    Auth,
    /// The same inputs will fail again. Never retried unless the workflow says so.
    Permanent,
    /// A rule said no. Never retried: it needs new input or a person.
    Gate,
    /// It is not known whether the work was done, as after a crash. Effects are probed before anything else.
    Unknown,
}

impl ErrorClass {
    /// Every class, in the order of the reference.
    pub const ALL: [Self; 6] =
        [Self::Transient, Self::Capacity, Self::Auth, Self::Permanent, Self::Gate, Self::Unknown];

    /// The word used in workflows, events and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Capacity => "capacity",
            Self::Auth => "auth",
            Self::Permanent => "permanent",
            Self::Gate => "gate",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
