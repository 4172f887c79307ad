//! Where a run is: everything that follows from its events, in the form in which decisions are quick.

use std::collections::BTreeSet;
use std::sync::Arc;

use vocab::{Compensation, StepPath, Timestamp};

use super::facts::{Facts, InstanceFacts, Slot};
use super::{Halt, RunPhase};
use crate::plan::Plan;

/// The state of one run.
///
/// Only [`apply`](RunState::apply) changes what it says about the run, and it follows from the events alone: applying
/// the same events to a fresh state gives the same state. Beside that it remembers what has still to be looked at by
/// [`decide`](RunState::decide), and what changed since rows were last written.
#[derive(Debug, Clone)]
pub struct RunState {
    pub(crate) plan: Arc<Plan>,
    pub(crate) facts: Facts,
    pub(crate) dirty: Marks,
    pub(crate) changed: Marks,
}

/// Steps and effects that are to be looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    pub(crate) steps: BTreeSet<Slot>,
    pub(crate) effects: BTreeSet<u32>,
}

impl RunState {
    /// A run before its first event.
    pub fn new(plan: Arc<Plan>) -> Self {
        let facts = Facts::before(&plan);
        Self { plan, facts, dirty: Marks::default(), changed: Marks::default() }
    }

    /// The plan that the run follows.
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Sequence number of the last event; 0 before the first.
    pub const fn seq(&self) -> u64 {
        self.facts.seq
    }

    /// `now`, but never before the last event: the time that the next events carry.
    pub fn clock(&self, now: Timestamp) -> Timestamp {
        now.max(self.facts.at)
    }

    /// Whether both say the same about their runs, whatever is still to be looked at or written.
    pub fn same_facts(&self, other: &Self) -> bool {
        self.facts == other.facts
    }

    /// How the run's unwinding stands.
    pub fn compensation(&self) -> Compensation {
        let facts = &self.facts;
        let undoing = facts.phase == RunPhase::Ended && !facts.live.is_empty();
        if facts.phase == RunPhase::Unwinding || undoing {
            Compensation::Unwinding
        } else if facts.stuck > 0 {
            Compensation::Stuck
        } else if facts.compensated {
            Compensation::Complete
        } else {
            Compensation::NotNeeded
        }
    }

    pub(crate) fn instance(&self, slot: Slot) -> &InstanceFacts {
        let step = &self.facts.steps[slot.step as usize];
        // A slot is only ever made from a plan's position and an instance that the step has.
        step.instance(slot).unwrap_or(&step.own)
    }

    /// The step instance that `path` names, if there is one.
    pub(crate) fn slot(&self, path: &StepPath) -> Option<Slot> {
        let [segment] = path.segments() else { return None };
        let slot = Slot { step: self.plan.position(&segment.step)?, instance: segment.instance };
        self.facts.steps[slot.step as usize].instance(slot).map(|_| slot)
    }

    pub(crate) fn path(&self, slot: Slot) -> StepPath {
        let path = self.plan.path(slot.step);
        slot.instance.map_or_else(|| path.clone(), |number| path.instance(number))
    }

    /// What stops the step: the part of the workflow that it belongs to, or one of its own instances.
    pub(crate) fn halt_of(&self, step: u32) -> Option<Halt> {
        let part = if self.plan.in_finally(step) { self.facts.finally_halt } else { self.facts.halt };
        part.or_else(|| self.facts.steps[step as usize].halted.then_some(Halt::Sibling))
    }
}
