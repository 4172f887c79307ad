//! The name of an effect within its run.

use std::fmt;

use serde::{Deserialize, Serialize};
use vocab::StepPath;

/// The step instance that makes an effect, and the action's own name for it: the same for every attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectId {
    /// The step instance.
    pub path: StepPath,
    /// The action's own name for it: `tag`, `container`.
    pub name: String,
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.path, self.name)
    }
}
