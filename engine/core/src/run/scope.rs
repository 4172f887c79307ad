//! What expressions of a step read: the run's inputs, the steps before, the run, its trigger, the instance.

use lang::{EachField, Reference, RunField, Scope, StatusFunction, TriggerField};
use vocab::{RunStatus, Value};

use super::facts::Slot;
use super::state::RunState;

/// The eyes of one step instance, or of the run's outputs.
pub(crate) struct View<'a> {
    pub(crate) state: &'a RunState,
    pub(crate) slot: Option<Slot>,
}

impl Scope for View<'_> {
    fn lookup(&self, reference: &Reference) -> Option<Value> {
        let created = self.state.facts.created.as_ref()?;
        let own = |step: &str| {
            let position = self.state.plan.position(step)?;
            Some(&self.state.facts.steps[position as usize].own)
        };
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        match reference {
            Reference::Input(name) => created.inputs.get(name).cloned(),
            Reference::Output { step, output } => {
                Some(own(step)?.outputs.get(output).cloned().unwrap_or_default())
            }
            Reference::Result { step } => own(step)?.end.map(|end| Value::from(end.name())),
            Reference::Run(RunField::Id) => Some(created.run.to_string().into()),
            Reference::Run(RunField::Name) => Some(self.state.plan.name().into()),
            Reference::Run(RunField::Commit) => created.origin.commit.as_deref().map(Value::from),
            Reference::Run(RunField::Branch) => {
                let branch =
                    created.origin.git_ref.as_deref().and_then(|name| name.strip_prefix("refs/heads/"));
                Some(branch.map_or(Value::Null, Value::from))
            }
            Reference::Run(RunField::Status) => {
                self.state.facts.verdict.as_ref().map(|verdict| verdict.status.name().into())
            }
            Reference::Trigger(TriggerField::Kind) => Some(created.origin.kind.as_str().into()),
            Reference::Trigger(TriggerField::Ref) => Some(text(&created.origin.git_ref)),
            Reference::Trigger(TriggerField::Commit) => Some(text(&created.origin.commit)),
            Reference::Trigger(TriggerField::Actor) => Some(text(&created.origin.actor)),
            Reference::Each(field) => {
                let slot = self.slot?;
                let number = slot.instance?;
                Some(match field {
                    EachField::Value => self.state.instance(slot).value.clone(),
                    EachField::Index => i64::from(number).into(),
                })
            }
        }
    }

    fn status(&self, function: StatusFunction) -> bool {
        let facts = &self.state.facts;
        let verdict = facts.verdict.as_ref().map(|verdict| verdict.status);
        let step = self.slot.map(|slot| &facts.steps[slot.step as usize]);
        match (function, verdict) {
            (StatusFunction::Always, _) => true,
            // Only steps of `finally` are asked once the body has come to something.
            (StatusFunction::Success, Some(verdict)) => verdict == RunStatus::Succeeded,
            (StatusFunction::Failure, Some(verdict)) => {
                matches!(verdict, RunStatus::Failed | RunStatus::TimedOut)
            }
            (StatusFunction::Cancelled, Some(verdict)) => verdict == RunStatus::Cancelled,
            (StatusFunction::Success, None) => step.is_some_and(|step| step.unmet.is_none()),
            (StatusFunction::Failure, None) => step.is_some_and(|step| step.failed_above),
            // Once the run is halted nothing of the body starts any more.
            (StatusFunction::Cancelled, None) => false,
        }
    }
}
