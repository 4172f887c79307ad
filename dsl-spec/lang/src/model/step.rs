//! A step of a workflow.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use vocab::{ActionRef, Isolation};

use super::{OnFailure, Retry};
use crate::{Expr, Template};

/// Whether outputs may come from an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CachePolicy {
    /// When the action allows it and its key is known.
    #[default]
    Auto,
    /// Never.
    Never,
}

/// What happens to the step's effects when the run fails or is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compensate {
    /// They are undone.
    #[default]
    Default,
    /// They stay.
    None,
}

/// A step, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name, unique among the steps of body and `finally`.
    pub name: String,
    /// The action that does its work.
    pub action: ActionRef,
    /// The inputs of the action that the workflow gives. Defaults of the action are not in it.
    pub with: IndexMap<String, Template>,
    /// The steps that must end first, explicit and implied by references, in the order of their declaration. They
    /// stand in the same part, body or `finally`, as the step itself.
    pub needs: Vec<String>,
    /// The condition of `if`.
    pub condition: Option<Expr>,
    /// Whether the condition takes the place of the gate `success()`, since it holds a status function.
    pub replaces_gate: bool,
    /// The list whose items the step is expanded over; one instance each.
    pub for_each: Option<Template>,
    /// The time for one attempt; without it the limit `attempt_seconds` holds.
    #[serde(with = "super::millis::option")]
    pub timeout: Option<Duration>,
    /// When another attempt is made.
    pub retry: Retry,
    /// Whether outputs may come from an earlier run.
    pub cache: CachePolicy,
    /// What happens to its effects when the run does not succeed.
    pub compensate: Compensate,
    /// What its failure does to the run: what it says itself, else what the workflow says.
    pub on_failure: OnFailure,
    /// Whether the run goes on as if it had succeeded when it failed.
    pub allow_failure: bool,
    /// Whether the run only goes forward once it succeeded.
    pub pivot: bool,
    /// How far what it runs is kept from the host. Dispatch refuses `chroot` and `none` without trust.
    pub isolation: Isolation,
}
