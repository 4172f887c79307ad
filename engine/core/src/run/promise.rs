//! What the outputs of a step must be. One rule: the attempt asks it before it keeps anything, and the run before it
//! records a success.

use std::sync::Arc;

use lang::nearest;
use vocab::{ErrorClass, Outputs, Type};

use super::Failure;
use super::facts::Slot;
use super::limits::{Room, check_size};
use super::state::RunState;
use crate::plan::{Plan, PlanPort};

/// What a step's action promised when the run was planned, within the bounds that the run was created with and has left.
#[derive(Debug, Clone)]
pub struct Promise {
    plan: Arc<Plan>,
    /// Position of the step.
    step: u32,
    /// Whether they stand for what all instances of an expanded step give: lists.
    whole: bool,
    room: Room,
}

impl Promise {
    /// Whether the outputs are what the action promises, and are not too large; else all that is wrong with them,
    /// and what they should be.
    pub fn check(&self, outputs: &Outputs) -> Result<(), Failure> {
        let problems = self.problems(outputs);
        if problems.is_empty() {
            return check_size(outputs, self.room, || "the outputs".to_owned());
        }
        let uses = &self.plan.step(self.step).uses;
        let message = format!("the outputs are not what {uses} promises: {}", problems.join("; "));
        Err(Failure::new(ErrorClass::Permanent, message).help(self.words()))
    }

    fn ports(&self) -> &[PlanPort] {
        &self.plan.action(self.step).outputs
    }

    fn ty(&self, port: &PlanPort) -> Type {
        if self.whole { Type::list(port.ty.clone()) } else { port.ty.clone() }
    }

    fn problems(&self, outputs: &Outputs) -> Vec<String> {
        let declared = self.ports().iter().filter_map(|port| match outputs.get(&port.name) {
            Some(value) => self.ty(port).check(value).err().map(|error| format!("`{}`: {error}", port.name)),
            None => port.required.then(|| format!("`{}` is missing", port.name)),
        });
        let names = || self.ports().iter().map(|port| port.name.as_str());
        let strange = outputs.keys().filter(|name| names().all(|known| known != *name)).map(|name| {
            let near = nearest(name, names()).map(|near| format!(" (did you mean `{near}`?)"));
            format!("it declares no `{name}`{}", near.unwrap_or_default())
        });
        declared.chain(strange).collect()
    }

    /// What the outputs are, for people: ``it gives `image` (image), `report` (report, may be left out)``.
    fn words(&self) -> String {
        let words = self.ports().iter().map(|port| {
            let optional = if port.required { "" } else { ", may be left out" };
            format!("`{}` ({}{optional})", port.name, self.ty(port))
        });
        let words: Vec<_> = words.collect();
        if words.is_empty() {
            "it gives no outputs".to_owned()
        } else {
            format!("it gives {}", words.join(", "))
        }
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
            room: self.value_room(),
        }
    }
}
