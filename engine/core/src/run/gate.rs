//! Whether a step runs, over which list, and with which inputs. What cannot be evaluated fails the step: it is never
//! skipped in silence.

use lang::{EvalError, Template};
use serde::Serialize;
use vocab::{ErrorClass, Inputs, StepStatus, Value};

use super::facts::Slot;
use super::limits::{Room, check_size};
use super::scope::View;
use super::state::RunState;
use super::{Event, Failure, NotReached, SkipReason};

/// What the gate of a step says, once all it needs has ended.
enum Gate {
    Open,
    Skip(SkipReason),
    Closed(NotReached),
}

impl RunState {
    /// The event that takes a pending step on: everything that it needs has ended.
    pub(crate) fn decide_start(&self, slot: Slot) -> Event {
        let path = self.path(slot);
        let decided = match self.gate(slot) {
            Ok(Gate::Open) if slot.instance.is_none() && self.plan.step(slot.step).expands() => {
                self.each(slot).map(|each| Event::StepExpanded { path: path.clone(), each })
            }
            Ok(Gate::Open) => self.ready_event(slot),
            Ok(Gate::Skip(reason)) => Ok(Event::StepSkipped { path: path.clone(), reason, decided: None }),
            Ok(Gate::Closed(because)) => Ok(Event::StepNotReached { path: path.clone(), because }),
            Err(failure) => Err(failure),
        };
        decided.unwrap_or_else(|error| self.failed(slot, error.bounded(), false))
    }

    fn gate(&self, slot: Slot) -> Result<Gate, Failure> {
        // The gate was open when the step was expanded.
        if slot.instance.is_some() {
            return Ok(Gate::Open);
        }
        let step = self.plan.step(slot.step);
        let facts = &self.facts.steps[slot.step as usize];
        if !step.replaces_gate {
            if let Some(unmet) = facts.unmet {
                return Ok(Gate::Closed(NotReached::Need(self.plan.step(unmet).name.clone())));
            }
            if !step.needs.is_empty() && !facts.need_ran {
                return Ok(Gate::Skip(SkipReason::Needs));
            }
        }
        let Some(condition) = &step.condition else { return Ok(Gate::Open) };
        let scope = View { state: self, slot: Some(slot) };
        match condition.holds(&scope, &self.facts.limits) {
            Ok(true) => Ok(Gate::Open),
            Ok(false) => Ok(Gate::Skip(SkipReason::Condition)),
            Err(error) => Err(unreadable(ErrorClass::Gate, "`if`", &step.name, &error)),
        }
    }

    /// What a step is expanded over: the items of its list, or the combinations of its matrix.
    fn each(&self, slot: Slot) -> Result<Vec<Value>, Failure> {
        let step = self.plan.step(slot.step);
        let what = if step.matrix.is_some() { "`matrix`" } else { "`for_each`" };
        let broken = |problem: String| {
            Failure::new(ErrorClass::Permanent, format!("{what} of step `{}`: {problem}", step.name))
        };
        let room = self.facts.limits.run_steps.saturating_sub(self.facts.instances);
        let too_many = |count: u64| {
            let problem =
                format!("{count} instances, where this run has room for {room} more (limit `run_steps`)");
            broken(problem).help("split them over several runs")
        };
        let scope = View { state: self, slot: Some(slot) };
        let evaluate = |template: &Template| {
            template.evaluate(&scope, &self.facts.limits).map_err(|error| broken(error.to_string()))
        };
        let list = |axis: &str, value: Value| match value {
            Value::List(items) => Ok(items),
            other => Err(broken(format!("expected a list{axis}, found {}", other.kind()))),
        };
        let each = match (&step.matrix, &step.for_each) {
            (Some(matrix), _) => {
                let of_axis = |axis: &str, value| list(&format!(" for `{axis}`"), value);
                matrix.combine(evaluate, of_axis, room, too_many)?
            }
            (None, Some(items)) => list("", evaluate(items)?)?,
            (None, None) => Vec::new(),
        };
        if each.len() as u64 > room {
            return Err(too_many(each.len() as u64));
        }
        self.check_size(&each, || format!("what {what} of step `{}` expands to", step.name))?;
        Ok(each)
    }

    fn ready_event(&self, slot: Slot) -> Result<Event, Failure> {
        let step = self.plan.step(slot.step);
        let scope = View { state: self, slot: Some(slot) };
        let mut inputs = Inputs::new();
        for (name, template) in &step.inputs {
            let value = template.evaluate(&scope, &self.facts.limits).map_err(|error| {
                unreadable(ErrorClass::Permanent, &format!("input `{name}`"), &step.name, &error)
            })?;
            inputs.insert(name.clone(), value);
        }
        for port in &self.plan.action(slot.step).inputs {
            // Leaving an optional input out and giving null are the same.
            if !port.required && inputs.get(&port.name) == Some(&Value::Null) {
                inputs.remove(&port.name);
            }
            match (inputs.get(&port.name), &port.default) {
                (Some(value), _) => port.ty.check(value).map_err(|mismatch| {
                    let message = format!("input `{}` of step `{}`: {mismatch}", port.name, step.name);
                    Failure::new(ErrorClass::Permanent, message)
                })?,
                (None, Some(default)) => {
                    inputs.insert(port.name.clone(), default.clone());
                }
                (None, None) if port.required => {
                    let message =
                        format!("input `{}` of step `{}` is required and not given", port.name, step.name);
                    return Err(Failure::new(ErrorClass::Permanent, message));
                }
                (None, None) => {}
            }
        }
        self.check_size(&inputs, || format!("the inputs of step `{}`", step.name))?;
        let created = self.facts.created.as_ref();
        let timeout_millis = step
            .timeout_millis
            .or_else(|| created.map(|created| created.limits.attempt_millis))
            .unwrap_or(u64::MAX);
        Ok(Event::StepReady { path: self.path(slot), inputs, timeout_millis })
    }

    /// What a step may still take or give: the less the other steps of the run have left.
    pub(crate) fn value_room(&self) -> Room {
        let value_bytes = self.facts.limits.value_bytes;
        let left = self.facts.limits.run_value_bytes.saturating_sub(self.facts.value_bytes);
        if left < value_bytes {
            Room { key: "run_value_bytes", bytes: left }
        } else {
            Room { key: "value_bytes", bytes: value_bytes }
        }
    }

    /// Fails when `value` is larger than what a step may still take or give.
    pub(crate) fn check_size<T: Serialize>(
        &self,
        value: &T,
        what: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        check_size(value, self.value_room(), what)
    }

    /// What the run gives, once its body succeeded.
    pub(crate) fn run_outputs(&self) -> Result<vocab::Outputs, Failure> {
        let scope = View { state: self, slot: None };
        let mut outputs = vocab::Outputs::new();
        for (name, template) in &self.plan.spec().outputs {
            let value = template.evaluate(&scope, &self.facts.limits).map_err(|error| {
                Failure::new(ErrorClass::Permanent, format!("output `{name}` of the run: {error}"))
            })?;
            outputs.insert(name.clone(), value);
        }
        // They are of outputs that were counted before.
        let room = Room { key: "value_bytes", bytes: self.facts.limits.value_bytes };
        check_size(&outputs, room, || "the outputs of the run".to_owned())?;
        Ok(outputs)
    }

    /// What the run comes to as its steps stand: an error is a sentence for people.
    pub(crate) fn failure_of(&self, slot: Slot) -> String {
        let path = self.path(slot);
        match (&self.instance(slot).error, self.instance(slot).end) {
            (Some(error), _) => format!("step `{path}` failed: {}", error.message),
            (None, end) => format!("step `{path}` ended {}", end.unwrap_or(StepStatus::Failed)),
        }
    }
}

fn unreadable(class: ErrorClass, what: &str, step: &str, error: &EvalError) -> Failure {
    Failure::new(class, format!("{what} of step `{step}`: {error}"))
}
