//! What the outputs of a step must be. One rule: the attempt asks it before it keeps anything, and the run before it
//! records a success.

use std::sync::Arc;

use vocab::{ErrorClass, Outputs, Type};

use super::Failure;
use super::facts::Slot;
use super::limits::check_size;
use super::state::RunState;
use crate::plan::Plan;

/// What a step's action promised when the run was planned, within the bounds that the run was created with.
#[derive(Debug, Clone)]
pub struct Promise {
    plan: Arc<Plan>,
    /// Position of the step.
    step: u32,
    /// Whether they stand for what all instances of an expanded step give: lists.
    whole: bool,
    value_bytes: u64,
}

impl Promise {
    /// Whether the outputs are what the action promises, and are not too large; else what is wrong with them.
    pub fn check(&self, outputs: &Outputs) -> Result<(), Failure> {
        let uses = &self.plan.step(self.step).uses;
        let broken = |problem: String| {
            Failure::new(
                ErrorClass::Permanent,
                format!("the outputs are not what {uses} promises: {problem}"),
            )
        };
        let ports = &self.plan.action(self.step).outputs;
        for port in ports {
            let ty = if self.whole { &Type::list(port.ty.clone()) } else { &port.ty };
            match outputs.get(&port.name) {
                Some(value) => {
                    ty.check(value).map_err(|error| broken(format!("`{}`: {error}", port.name)))?;
                }
                None if port.required => return Err(broken(format!("`{}` is missing", port.name))),
                None => {}
            }
        }
        if let Some(name) = outputs.keys().find(|name| ports.iter().all(|port| port.name != **name)) {
            return Err(broken(format!("it declares no `{name}`")));
        }
        check_size(outputs, ("value_bytes", self.value_bytes), || "the outputs".to_owned())
    }
}

impl RunState {
    /// What the outputs of the step instance must be.
    pub(crate) fn promise(&self, slot: Slot) -> Promise {
        Promise {
            plan: Arc::clone(&self.plan),
            step: slot.step,
            // What is supplied for a step before it expands.
            whole: slot.instance.is_none() && self.plan.step(slot.step).expands(),
            value_bytes: self.facts.limits.value_bytes,
        }
    }
}
