//! The cache of outputs: same action, same inputs, same outside, same outputs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vocab::{Digest, Outputs, RunId, StepPath, TenantName, Timestamp};

/// The key of an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemoKey {
    /// Entries are never shared between tenants.
    pub tenant: TenantName,
    /// Who may read it: `protected` or the name of a branch that is not.
    pub scope: String,
    /// Digest over action version, typed inputs, artifact digests and fingerprint.
    pub digest: Digest,
}

/// Outputs that were computed once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoEntry {
    /// Its key.
    pub key: MemoKey,
    /// The outputs, checked against the action's manifest when they were made.
    pub outputs: Outputs,
    /// The run that computed them.
    pub run: RunId,
    /// The step instance that computed them.
    pub path: StepPath,
    /// When.
    pub at: Timestamp,
    /// When its use was noted last; at first, when it was made. See [`MemoEntry::USE_NOTED`].
    pub used: Timestamp,
}

impl MemoEntry {
    /// Uses are noted when the last note is at least this old, so that not every hit writes. An entry may have been
    /// used this much later than its note says.
    pub const USE_NOTED: Duration = Duration::from_secs(24 * 3600);
}
