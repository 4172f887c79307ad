//! A step of a plan, and what dispatch must know of its action.

use std::collections::BTreeMap;

use std::time::Duration;

use super::Matrix;
use lang::{CachePolicy, Compensate, Expr, OnFailure, Retry, Template};
use serde::{Deserialize, Serialize};
use vocab::{ActionManifest, ActionRef, Caching, IsolationRule, Type, Value};

/// A step as the engine runs it: names resolved, policies filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the workflow")]
pub struct PlanStep {
    /// Its name, unique in the workflow.
    pub name: String,
    /// The action; described in [`PlanSpec::actions`](super::PlanSpec::actions).
    pub uses: ActionRef,
    /// The steps that must end before it starts, written or implied by references.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Its `if`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Expr>,
    /// Whether `condition` takes the place of the gate `success()`, since it holds a status function.
    #[serde(default, skip_serializing_if = "is_no")]
    pub replaces_gate: bool,
    /// Its `with`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Template>,
    /// The list that it is expanded over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<Template>,
    /// The combinations that it is expanded over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Matrix>,
    /// Whether the other instances stop when one fails.
    #[serde(default, skip_serializing_if = "is_no")]
    pub fail_fast: bool,
    /// Instances that may run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// The time of one attempt in milliseconds, where the workflow names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_millis: Option<u64>,
    /// When another attempt is made.
    #[serde(default = "Retry::never")]
    pub retry: Retry,
    /// Whether its outputs may come from the cache.
    #[serde(default, skip_serializing_if = "is_no")]
    pub cache: bool,
    /// Whether its effects are undone when the run fails; `compensate: none` leaves them.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub compensates: bool,
    /// What its failure does to the run.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_failure: OnFailure,
    /// Whether the run goes on when it fails.
    #[serde(default, skip_serializing_if = "is_no")]
    pub allow_failure: bool,
    /// Whether its success is the point of no return.
    #[serde(default, skip_serializing_if = "is_no")]
    pub pivot: bool,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_yes(flag: &bool) -> bool {
    *flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_no(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_default(on_failure: &OnFailure) -> bool {
    *on_failure == OnFailure::default()
}

impl PlanStep {
    /// A step with the policies that hold when a workflow names none.
    pub fn new(name: impl Into<String>, uses: ActionRef) -> Self {
        Self {
            name: name.into(),
            uses,
            needs: Vec::new(),
            condition: None,
            replaces_gate: false,
            inputs: BTreeMap::new(),
            for_each: None,
            matrix: None,
            fail_fast: false,
            max_parallel: None,
            timeout_millis: None,
            retry: Retry::never(),
            cache: false,
            compensates: true,
            on_failure: OnFailure::default(),
            allow_failure: false,
            pivot: false,
        }
    }

    /// Whether it has instances of its own, as many as a list or a matrix says.
    pub const fn expands(&self) -> bool {
        self.for_each.is_some() || self.matrix.is_some()
    }

    /// The time of one attempt, where the workflow names one.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_millis.map(Duration::from_millis)
    }
}

impl From<&lang::Step> for PlanStep {
    fn from(step: &lang::Step) -> Self {
        Self {
            name: step.name.clone(),
            uses: step.action.clone(),
            needs: step.needs.clone(),
            condition: step.condition.clone(),
            replaces_gate: step.replaces_gate,
            inputs: step.with.iter().map(|(name, template)| (name.clone(), template.clone())).collect(),
            for_each: step.for_each.clone(),
            matrix: None,
            fail_fast: false,
            max_parallel: None,
            timeout_millis: step.timeout.map(millis),
            retry: step.retry.clone(),
            cache: step.cache == CachePolicy::Auto,
            compensates: step.compensate == Compensate::Default,
            on_failure: step.on_failure,
            allow_failure: step.allow_failure,
            pivot: step.pivot,
        }
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The excerpt of an [`ActionManifest`] that decisions depend on: no texts, so that better documentation does not
/// make another plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanAction {
    /// What it takes.
    pub inputs: Vec<PlanPort>,
    /// What it gives.
    pub outputs: Vec<PlanPort>,
    /// Whether its outputs may come from the cache.
    pub caching: Caching,
    /// Names of the effects that it may make.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<String>,
    /// How it keeps a tenant's code away from the host.
    pub isolation: IsolationRule,
}

/// An input or an output of an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanPort {
    /// Its name.
    pub name: String,
    /// The type of its value.
    pub ty: Type,
    /// Whether it must be there.
    pub required: bool,
    /// What holds when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

impl From<&vocab::Port> for PlanPort {
    fn from(port: &vocab::Port) -> Self {
        Self {
            name: port.name.clone(),
            ty: port.ty.clone(),
            required: port.required,
            default: port.default.clone(),
        }
    }
}

impl From<&ActionManifest> for PlanAction {
    fn from(manifest: &ActionManifest) -> Self {
        Self {
            inputs: manifest.inputs.iter().map(PlanPort::from).collect(),
            outputs: manifest.outputs.iter().map(PlanPort::from).collect(),
            caching: manifest.caching,
            effects: manifest.effects.iter().map(|effect| effect.name.clone()).collect(),
            isolation: manifest.isolation.clone(),
        }
    }
}
