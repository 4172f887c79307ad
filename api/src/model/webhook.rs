//! What a delivery of a webhook led to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use vocab::RunId;

/// The answer to a push: what started, what did not compile, what it did not concern.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TriggerAnswer {
    /// Runs that were started.
    pub(crate) runs: Vec<Started>,
    /// Workflows that do not compile, and so did not start.
    pub(crate) refused: Vec<Refused>,
    /// Workflows that the push does not concern.
    pub(crate) skipped: Vec<Skipped>,
    /// Workflows whose group is full, and that say `on_new: drop`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) dropped: Vec<Dropped>,
    /// A word where there is nothing to list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

/// A run that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Started {
    /// The run.
    #[schemars(with = "String")]
    pub(crate) run: RunId,
    /// Name of its workflow.
    pub(crate) workflow: String,
    /// The workflow's file.
    pub(crate) file: String,
    /// Where to follow it.
    pub(crate) url: String,
}

/// A workflow that cannot run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Refused {
    /// The workflow's file, or `.image-factory/` when nothing in it was read.
    pub(crate) file: String,
    /// What is wrong with it, with places, in the form of `lint --output json`.
    pub(crate) diagnostics: Vec<Json>,
    /// Why it cannot start, where that is not for diagnostics to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// A workflow that the push does not concern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Skipped {
    /// The workflow's file.
    pub(crate) file: String,
    /// Why.
    pub(crate) reason: String,
}

/// A workflow whose run is dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Dropped {
    /// The workflow's file.
    pub(crate) file: String,
    /// Name of the workflow.
    pub(crate) workflow: String,
    /// Why: which group is full, and which run has to end first.
    pub(crate) reason: String,
}

/// A delivery and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DeliveryView {
    /// The sender's id of it.
    pub(crate) delivery: String,
    /// `pending` or `done`.
    pub(crate) state: String,
    /// The answer that its sender got or would have got.
    pub(crate) answer: Option<Json>,
    /// Where to look again.
    pub(crate) url: String,
}
