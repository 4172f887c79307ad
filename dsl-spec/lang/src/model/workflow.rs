//! A whole workflow.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use vocab::Name;

use super::{Concurrency, Input, Step, Triggers};
use crate::Template;

/// What the failure of a step does to the run. What the workflow allows does nothing to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Branches that do not need it run to their end, then everything that the run made is undone.
    #[default]
    Compensate,
    /// Branches that do not need it run to their end, and what they made stays; only its own effects are undone.
    Continue,
    /// A person decides: try again, leave it out, supply its outputs, or give it up.
    Pause,
}

/// A workflow that compiled. It holds everything that a run needs of its file, and it reads back from its JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its name, `metadata.name`.
    pub name: Name,
    /// What it is for, `metadata.description`.
    pub description: Option<String>,
    /// What starts it.
    pub triggers: Triggers,
    /// What a run may be started with, in the order of the file.
    pub inputs: IndexMap<String, Input>,
    /// The group of runs that it shares its turn with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// Which of a tenant's runs get a worker first: the higher. 0 is the usual one.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub priority: i32,
    /// The time for a whole run; without it the limit `run_seconds` holds.
    #[serde(with = "super::millis::option")]
    pub timeout: Option<Duration>,
    /// What the failure of a step does to the run, where the step says nothing else.
    pub on_failure: OnFailure,
    /// The body, in the order of the file. Needs form no circle.
    pub steps: IndexMap<String, Step>,
    /// What runs when the body ended and its effects are kept or undone, in the order of the file.
    pub finally: IndexMap<String, Step>,
    /// What the run gives when it succeeded, in the order of the file.
    pub outputs: IndexMap<String, Template>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_usual(priority: &i32) -> bool {
    *priority == 0
}

impl Workflow {
    /// The step of that name, in body or `finally`.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.get(name).or_else(|| self.finally.get(name))
    }
}
