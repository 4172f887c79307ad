//! Outputs that were not computed here: from where, and what was asked for.

use serde::{Deserialize, Serialize};
use vocab::{Digest, RunId, StepPath};

/// Where outputs come from when they were computed earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedFrom {
    /// The run that computed them.
    pub run: RunId,
    /// Its step instance.
    pub path: StepPath,
}

/// What the cache was asked for. The action and its inputs, which belong to the key, stand in the plan and in
/// `step_ready`: two runs are compared by these parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheKey {
    /// Digest over all parts.
    pub digest: Digest,
    /// What the step would read outside.
    pub outside: Outside,
}

/// What a step reads that is neither its inputs nor its action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// Nothing.
    Nothing,
    /// What has this fingerprint, as its action wrote it down; of a long one only the digest.
    Of(String),
    /// Nobody can tell what, for this reason.
    Unknown(String),
}
