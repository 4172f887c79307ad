//! Actions of which only so many attempts run at once, whoever they belong to.

use std::collections::{BTreeMap, HashMap};

use vocab::{ActionRef, RunId, TenantName};

use super::queue::FairQueue;

/// Which attempts of bounded actions run, and who waits until one of them ends.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    kinds: BTreeMap<String, Kind>,
    /// The attempts of bounded actions that run, by their slots.
    running: HashMap<u64, (String, TenantName)>,
}

#[derive(Debug)]
struct Kind {
    bound: u64,
    /// Fair between tenants, as the slots are.
    queue: FairQueue,
}

/// The name by which an action is bounded: without its version.
fn name(action: &ActionRef) -> String {
    let text = action.to_string();
    text.split_once('@').map_or(text.as_str(), |(name, _)| name).to_owned()
}

impl Kinds {
    pub(super) fn new(bounds: &BTreeMap<String, u64>) -> Self {
        let kind = |bound: &u64| Kind { bound: *bound, queue: FairQueue::default() };
        let kinds = bounds.iter().map(|(name, bound)| (name.clone(), kind(bound))).collect();
        Self { kinds, running: HashMap::new() }
    }

    /// Whether another attempt of the action may run.
    pub(super) fn has_room(&self, action: &ActionRef) -> bool {
        self.room(&name(action)) > 0
    }

    /// How many more attempts of it may run.
    fn room(&self, name: &str) -> u64 {
        let Some(kind) = self.kinds.get(name) else { return u64::MAX };
        let running = self.running.values().filter(|(of, _)| of == name).count() as u64;
        kind.bound.saturating_sub(running)
    }

    /// An attempt of the action runs in this slot, if it may.
    pub(super) fn begin(&mut self, slot: u64, tenant: &TenantName, action: &ActionRef) -> bool {
        let name = name(action);
        if self.room(&name) == 0 {
            return false;
        }
        if let Some(kind) = self.kinds.get_mut(&name) {
            kind.queue.took(tenant);
            self.running.insert(slot, (name, tenant.clone()));
        }
        true
    }

    /// The attempt in this slot has ended.
    pub(super) fn end(&mut self, slot: u64) {
        if let Some((name, tenant)) = self.running.remove(&slot)
            && let Some(kind) = self.kinds.get_mut(&name)
        {
            kind.queue.gave_back(&tenant);
        }
    }

    /// The run waits until another attempt of the action may run.
    pub(super) fn wait(&mut self, run: RunId, tenant: &TenantName, priority: i32, action: &ActionRef) {
        if let Some(kind) = self.kinds.get_mut(&name(action)) {
            kind.queue.wait(run, tenant, priority);
        }
    }

    /// The run waits no longer.
    pub(super) fn forget(&mut self, run: RunId) {
        for kind in self.kinds.values_mut() {
            kind.queue.forget(run);
        }
    }

    /// Runs that have waited long enough: as many of each action as there is room for. They take their turn among all
    /// that wait for a slot; whoever finds the room taken by then waits again.
    pub(super) fn let_go(&mut self, into: &mut FairQueue) {
        let rooms: Vec<_> = self.kinds.keys().map(|name| self.room(name)).collect();
        for (kind, room) in self.kinds.values_mut().zip(rooms) {
            for _ in 0..room {
                let Some((run, tenant, priority)) = kind.queue.first() else { break };
                into.wait(run, &tenant, priority);
            }
        }
    }

    /// The runs that wait.
    pub(super) fn runs(&self) -> impl Iterator<Item = RunId> + '_ {
        self.kinds.values().flat_map(|kind| kind.queue.runs())
    }
}
