//! Why something happened, as events say it.

use serde::{Deserialize, Serialize};

/// What a person decided about a run or a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Who.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
}

/// Why a step is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Its `if` was false.
    Condition,
    /// Everything it needs was skipped.
    Needs,
    /// It was paused, and a person left it out.
    Decided,
}

/// Why a step is not reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotReached {
    /// This step, which it needs, did not succeed.
    Need(String),
    /// It was halted before it started.
    Halted(Halt),
}

/// What stops a step from outside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Halt {
    /// Somebody cancelled the run.
    Cancelled,
    /// The run's time ran out.
    Deadline,
    /// Another instance of the same step failed, and the step says `fail_fast`.
    Sibling,
}

/// Why effects are released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// The body succeeded.
    Succeeded,
    /// This pivot committed: from here on the run goes forward.
    Pivot(String),
    /// Their steps say `compensate: none`.
    Kept,
    /// The steps that failed say `on_failure: continue`.
    Continued,
    /// The run that started this one has ended well.
    Parent,
    /// They were made under `finally`, which owns no compensable effects.
    Finally,
}
