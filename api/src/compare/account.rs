//! All that a comparison knows about one run.

use std::collections::BTreeMap;

use engine_core::plan::Plan;
use engine_core::run::{CacheKey, CachedFrom, Event};
use engine_ports::{RunRow, StepRow};
use vocab::{Inputs, StepPath};

/// One run: its rows, its plan, and what only its history says.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) row: RunRow,
    pub(crate) plan: Plan,
    pub(crate) steps: Vec<StepRow>,
    pub(crate) heard: BTreeMap<StepPath, Heard>,
}

/// What the history says about a step instance.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Heard {
    /// Its inputs, once they were resolved.
    pub(crate) inputs: Option<Inputs>,
    /// The key under which the cache was asked.
    pub(crate) key: Option<CacheKey>,
    /// Whose outputs the cache had.
    pub(crate) cached: Option<CachedFrom>,
    /// The run from which it was taken over.
    pub(crate) taken_over: Option<CachedFrom>,
}

/// Takes an event into what is known about its step.
pub(super) fn hear(heard: &mut BTreeMap<StepPath, Heard>, event: Event) {
    match event {
        Event::StepReady { path, inputs, .. } => heard.entry(path).or_default().inputs = Some(inputs),
        Event::AttemptSucceeded { path, cached, key, .. } => {
            let step = heard.entry(path).or_default();
            (step.cached, step.key) = (cached, key);
        }
        Event::StepTakenOver { path, from, .. } => heard.entry(path).or_default().taken_over = Some(from),
        _ => {}
    }
}
