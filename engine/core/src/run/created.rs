//! What is known about a run before anything happens in it.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use vocab::{Digest, Inputs, RunGroup, RunId, StepPath, Timestamp};

use super::RunLimits;

/// The first event of a run: all that is known before anything happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCreated {
    /// The run.
    pub run: RunId,
    /// Digest of its plan.
    pub plan: Digest,
    /// Its inputs, checked, defaults filled in.
    pub inputs: Inputs,
    /// What started it.
    pub origin: Origin,
    /// When its time runs out.
    pub deadline: Option<Timestamp>,
    /// The bounds it lives by.
    pub limits: RunLimits,
    /// The run that started it and holds what it makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The group whose room it shares with other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<RunGroup>,
    /// Whether there was no room for it yet: it starts when it is told that it is its turn.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waits: bool,
    /// What else belongs to the run from its first moment: whose it is, what it may do. The core keeps it unread.
    #[serde(default)]
    pub context: Json,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
pub(super) const fn is_false(value: &bool) -> bool {
    !*value
}

/// The step of another run that waits for this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The run.
    pub run: RunId,
    /// The step instance.
    pub path: StepPath,
}

/// What started a run: what expressions read as `run` and `trigger`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// `push` or `manual`.
    pub kind: String,
    /// The commit whose workflow runs, in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The full name of the ref that was pushed: `refs/heads/main`.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// Who pushed or started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}
