//! How many runs of a group go on at once.

use serde::{Deserialize, Serialize};
use vocab::OnNew;

use crate::Template;

/// The rule by which the runs of a workflow share a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Concurrency {
    /// The group's name; it reads inputs, `run` and `trigger` alone.
    pub group: Template,
    /// How many of the group's runs go on at once.
    pub limit: u32,
    /// What a new run means to those before it.
    pub on_new: OnNew,
}
