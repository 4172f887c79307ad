//! What may start now.

use std::time::Duration;

use vocab::{ActionRef, Caching, Inputs, Isolation, StepPath, WorkerId};

use super::facts::Slot;
use super::state::RunState;
use super::{Event, Promise};

/// A step instance that waits for a worker. Whoever has one grants it by applying
/// [`start`](ReadyStep::start), in the same transaction as the lease.
#[derive(Debug, Clone)]
pub struct ReadyStep<'a> {
    /// The step instance.
    pub path: StepPath,
    /// Number of the attempt that would start, from 1.
    pub attempt: u32,
    /// The action.
    pub action: &'a ActionRef,
    /// Its inputs, defaults filled in, types checked.
    pub inputs: &'a Inputs,
    /// The time of the attempt.
    pub timeout: Duration,
    /// Whether its outputs may come from the cache: the workflow and the action allow it.
    pub cacheable: bool,
    /// What its outputs must be.
    pub promise: Promise,
    /// How far these inputs keep a tenant's code away from the host.
    pub isolation: Isolation,
    /// Names of the effects that the action may make.
    pub effects: &'a [String],
}

impl ReadyStep<'_> {
    /// The event that gives the attempt to `worker`. The sequence number under which it is applied is the attempt's
    /// fencing token.
    pub fn start(&self, worker: WorkerId) -> Event {
        Event::AttemptStarted { path: self.path.clone(), attempt: self.attempt, worker }
    }
}

impl RunState {
    /// What may start now (nothing, while a person holds the run), in the order of the workflow, `max_parallel` respected for each on its own: after a grant,
    /// ask again.
    pub fn ready(&self) -> impl Iterator<Item = ReadyStep<'_>> {
        let held = self.facts.paused;
        self.facts.ready.iter().filter(move |_| !held).flat_map(move |&step| {
            let facts = &self.facts.steps[step as usize];
            let most = self.plan.step(step).max_parallel.unwrap_or(u32::MAX);
            let room = most.saturating_sub(facts.running) as usize;
            let expanded = !facts.instances.is_empty();
            facts
                .ready
                .iter()
                .take(room)
                .map(move |&number| self.ready_step(Slot { step, instance: expanded.then_some(number) }))
        })
    }

    /// The first step instance that may start now.
    pub fn next_ready(&self) -> Option<ReadyStep<'_>> {
        self.ready().next()
    }

    fn ready_step(&self, slot: Slot) -> ReadyStep<'_> {
        let instance = self.instance(slot);
        let step = self.plan.step(slot.step);
        let action = self.plan.action(slot.step);
        ReadyStep {
            path: self.path(slot),
            attempt: instance.attempt + 1,
            action: &step.uses,
            inputs: &instance.inputs,
            timeout: Duration::from_millis(instance.timeout_millis),
            cacheable: step.cache && action.caching == Caching::Auto && action.effects.is_empty(),
            promise: self.promise(slot),
            isolation: action.isolation.of(|name| instance.inputs.get(name).cloned()),
            effects: &action.effects,
        }
    }
}
