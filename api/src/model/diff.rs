//! What differs between two runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use vocab::{RunId, RunStatus, StepStatus};

/// The comparison of two runs: `a`, mostly the older, and `b`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RunDiff {
    /// The one.
    pub(crate) a: RunSide,
    /// The other.
    pub(crate) b: RunSide,
    /// What differs in what they were started with and what they came to: `commit`, `input release`.
    pub(crate) run: Vec<Change>,
    /// Every step instance of either, in the order of the workflow.
    pub(crate) steps: Vec<StepDiff>,
}

/// One of two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RunSide {
    /// The run.
    #[schemars(with = "String")]
    pub(crate) id: RunId,
    /// Name of its workflow.
    pub(crate) workflow: String,
    /// Digest of its plan: the workflow as it was compiled, places in the file included.
    pub(crate) plan: String,
    /// Where it is.
    pub(crate) status: RunStatus,
    /// Time from its acceptance to its end, or until now, in milliseconds.
    pub(crate) duration_ms: u64,
    /// When it was accepted, RFC 3339.
    pub(crate) created_at: String,
}

/// Something that differs. Null is what is not there. A secret is only ever named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Change {
    /// What.
    pub(crate) what: String,
    /// In `a`.
    pub(crate) a: Json,
    /// In `b`.
    pub(crate) b: Json,
}

/// A step instance in both runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct StepDiff {
    /// The step instance: `build[2]`.
    pub(crate) step: String,
    /// In `a`; null where `a` has none.
    pub(crate) a: Option<StepSide>,
    /// In `b`.
    pub(crate) b: Option<StepSide>,
    /// What the workflow says otherwise about it: `uses`, `with.args`, `timeout_millis`.
    pub(crate) definition: Vec<Change>,
    /// Inputs, as they were resolved.
    pub(crate) inputs: Vec<Change>,
    /// Outputs.
    pub(crate) outputs: Vec<Change>,
    /// Why `b` did not take the outputs of `a` from the cache, or that it did.
    pub(crate) cache: Option<String>,
}

/// A step instance in one of two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct StepSide {
    /// Where it is.
    pub(crate) status: StepStatus,
    /// Attempts that were started.
    pub(crate) attempts: u32,
    /// Time from its first start to its end, or until now, in milliseconds.
    pub(crate) duration_ms: u64,
    /// The run that computed its outputs, where this one did not.
    #[schemars(with = "Option<String>")]
    pub(crate) computed_by: Option<RunId>,
    /// Digest of the key under which the cache was asked, where it was.
    pub(crate) cache_key: Option<String>,
    /// What the step reads outside, as the key has it: `nothing`, `{"of": FINGERPRINT}`, `{"unknown": REASON}`.
    pub(crate) outside: Option<Json>,
}

impl StepDiff {
    /// Whether anything but the time it took differs.
    pub(crate) fn differs(&self) -> bool {
        let end = |side: &Option<StepSide>| side.as_ref().map(|side| side.status);
        end(&self.a) != end(&self.b) || self.differs_within()
    }

    /// Whether what it is, takes or gives differs.
    pub(crate) fn differs_within(&self) -> bool {
        [&self.definition, &self.inputs, &self.outputs].iter().any(|changes| !changes.is_empty())
    }
}
