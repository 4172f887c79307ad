//! What a new run of the same plan takes over from one that has ended: the outputs of steps that need not run again.
//!
//! A step is taken over as it ended, or runs again with all that depends on it. So whatever a step that is taken over
//! has read is taken over too, and its outputs are what it would give again.

use std::collections::BTreeSet;

use lang::nearest;
use serde::Serialize;
use vocab::{RunId, RunStatus, StepPath, StepStatus, WaitKind};

use super::facts::{InstanceFacts, Slot};
use super::limits::check_size;
use super::state::RunState;
use super::{CachedFrom, EffectPhase, Event, RunLimits, RunPhase};

/// What runs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// What did not succeed, and what depends on it.
    Failed,
    /// This step, or this instance of it, and what depends on it. Whatever else did not succeed runs too.
    From(StepPath),
}

/// Why nothing is taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TakeOverRefused {
    /// What becomes of the run is not known yet.
    #[error("the run is {0}: only from one that has ended can another take over")]
    NotEnded(RunStatus),
    /// There is no such step.
    #[error(
        "this run has no step `{step}`{}",
        near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
    )]
    NoStep {
        /// What was asked for.
        step: StepPath,
        /// What was probably meant.
        near: Option<String>,
    },
    /// There is the step, but not that instance of it.
    #[error("step `{step}` has no instance {number}: it has {count}")]
    NoInstance {
        /// The step.
        step: String,
        /// What was asked for.
        number: u32,
        /// How many there are.
        count: usize,
    },
    /// A run of nothing would follow.
    #[error(
        "every step of the run succeeded, and what they made is there: name the step that is to run again"
    )]
    NothingFailed,
}

impl RunState {
    /// The first events, after its creation, of a new run of the same plan and inputs: what it takes over from this
    /// one, needs before what needs them. Every artifact that they name must be held for it before they are durable;
    /// `gone` are steps of which one is no longer there, so that they run again.
    ///
    /// A step whose effects are undone, or not known to stand, runs again: its outputs name what is not there. So does
    /// one that asks people: they agreed to another run.
    pub fn take_over(
        &self,
        again: &Again,
        gone: &BTreeSet<StepPath>,
        limits: &RunLimits,
    ) -> Result<Vec<Event>, TakeOverRefused> {
        let run = self.run().filter(|_| self.facts.phase == RunPhase::Ended);
        let run = run.ok_or_else(|| TakeOverRefused::NotEnded(self.status()))?;
        let spoiled = self.spoiled();
        let asked = match again {
            Again::From(path) => Some(self.slot_to_run(path)?),
            Again::Failed if spoiled.is_empty() && self.went_well() => {
                return Err(TakeOverRefused::NothingFailed);
            }
            Again::Failed => None,
        };
        let taking = Taking { old: self, run, asked, gone, limits, spoiled };
        let mut runs = vec![false; self.plan.len()];
        let mut events = Vec::new();
        for &step in self.plan.order().iter().filter(|&&step| !self.plan.in_finally(step)) {
            let disturbed = self.plan.needs(step).any(|need| runs[need as usize]);
            runs[step as usize] = disturbed || !taking.step(step, &mut events);
        }
        Ok(events)
    }

    /// Whether nothing of the run is left to be done.
    fn went_well(&self) -> bool {
        let well = |instance: &InstanceFacts| {
            matches!(instance.end, Some(StepStatus::Succeeded | StepStatus::Skipped)) && !left_out(instance)
        };
        let steps = &self.facts.steps;
        self.status() == RunStatus::Succeeded
            && steps.iter().all(|step| well(&step.own) && step.instances.iter().all(well))
    }

    /// Instances with an effect that does not stand.
    fn spoiled(&self) -> BTreeSet<Slot> {
        let stands = |phase: EffectPhase, tries: u32| match phase {
            EffectPhase::Released => true,
            // Its own action said that it never came to be.
            EffectPhase::Undone => tries == 0,
            _ => false,
        };
        let effects = self.facts.effects.values();
        effects.filter(|effect| !stands(effect.phase, effect.tries)).map(|effect| effect.slot).collect()
    }

    fn slot_to_run(&self, path: &StepPath) -> Result<Slot, TakeOverRefused> {
        if let Some(slot) = self.slot(path) {
            return Ok(slot);
        }
        let root = path.root();
        if let (Some(step), [segment]) = (self.plan.position(root), path.segments()) {
            return Err(TakeOverRefused::NoInstance {
                step: root.to_owned(),
                number: segment.instance.unwrap_or_default(),
                count: self.facts.steps[step as usize].instances.len(),
            });
        }
        let names = self.plan.steps().map(|(_, step)| step.name.as_str());
        let near = nearest(root, names).map(str::to_owned);
        Err(TakeOverRefused::NoStep { step: path.clone(), near })
    }
}

/// Whether a person left the step out after it had failed.
const fn left_out(instance: &InstanceFacts) -> bool {
    matches!(instance.end, Some(StepStatus::Skipped)) && instance.decided.is_some()
}

/// One taking over: from what, and what of it not.
struct Taking<'a> {
    old: &'a RunState,
    run: RunId,
    asked: Option<Slot>,
    gone: &'a BTreeSet<StepPath>,
    limits: &'a RunLimits,
    spoiled: BTreeSet<Slot>,
}

impl Taking<'_> {
    /// Takes over what can be of a step whose needs are all taken over. Whether that is the whole step.
    fn step(&self, step: u32, events: &mut Vec<Event>) -> bool {
        let whole = Slot::of_step(step);
        if self.asked == Some(whole) {
            return false;
        }
        let instances = &self.old.facts.steps[step as usize].instances;
        if instances.is_empty() {
            return self.stands(whole) && self.take(whole, events);
        }
        let each: Vec<_> = instances.iter().map(|instance| instance.value.clone()).collect();
        let slots = (0..).zip(instances).map(|(number, _)| Slot { step, instance: Some(number) });
        let standing: Vec<_> = slots.filter(|slot| self.stands(*slot)).collect();
        if standing.is_empty() || !self.fits(&each) {
            return false;
        }
        events.push(Event::StepExpanded { path: self.old.path(whole), each });
        let all = standing.len() == instances.len();
        standing.into_iter().all(|slot| self.take(slot, events)) && all
    }

    fn stands(&self, slot: Slot) -> bool {
        let instance = self.old.instance(slot);
        let bypassed = instance.disowned;
        let well = match instance.end {
            // What a person supplied does not name what the attempts made.
            Some(StepStatus::Succeeded) => bypassed || !self.spoiled.contains(&slot),
            Some(StepStatus::Skipped) => !left_out(instance),
            _ => false,
        };
        let asks = self.old.plan.action(slot.step).wait == Some(WaitKind::Decision);
        well && !(asks && instance.end == Some(StepStatus::Succeeded) && !bypassed)
            && self.asked != Some(slot)
            && !self.gone.contains(&self.old.path(slot))
            && self.fits(&instance.outputs)
    }

    /// Whether the new run would take it from a step of its own.
    fn fits<T: Serialize + ?Sized>(&self, value: &T) -> bool {
        check_size(value, self.limits.value(), String::new).is_ok()
    }

    fn take(&self, slot: Slot, events: &mut Vec<Event>) -> bool {
        let (path, instance) = (self.old.path(slot), self.old.instance(slot));
        // The run that did the work, however many have taken over from each other since.
        let from = instance.taken_over.clone();
        events.push(Event::StepTakenOver {
            from: from.unwrap_or_else(|| CachedFrom { run: self.run, path: path.clone() }),
            path,
            outputs: instance.outputs.clone(),
            skipped: instance.end == Some(StepStatus::Skipped),
            decided: instance.decided.clone(),
        });
        true
    }
}
