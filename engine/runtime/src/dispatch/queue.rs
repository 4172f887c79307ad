//! The order in which runs get what is scarce: tenants share evenly, and the runs of a tenant take turns.
//!
//! Next is a run of the tenant that executes the fewest attempts of all that wait; of several such, the one that was
//! served longest ago. So a tenant with a thousand runs and one with a single run get a slot each, however the
//! thousand came first, and a tenant that is alone has all of them.
//!
//! Within a tenant the higher priority goes first. Nothing ages: as long as runs of a higher priority have steps to start,
//! those of a lower one wait, which is what their tenant asked for. Other tenants do not notice.

use std::collections::{BTreeMap, HashMap, VecDeque};

use vocab::{RunId, TenantName};

/// Who waits, and who has how much.
#[derive(Debug, Default)]
pub(super) struct FairQueue {
    /// Tenants that wait or have something.
    tenants: BTreeMap<TenantName, Share>,
    /// Runs that wait, each once.
    waiting: HashMap<RunId, TenantName>,
    /// How often somebody was served.
    served: u64,
}

#[derive(Debug, Default)]
struct Share {
    /// Slots that its runs have.
    taken: usize,
    /// When it was last served, in the count of all servings.
    served: u64,
    /// Its runs that wait, with their priorities: from high to low, and of equals in the order in which they came.
    runs: VecDeque<(RunId, i32)>,
}

impl FairQueue {
    /// The run waits, if it does not yet, behind all others of its tenant whose priority is not lower. A run that waits
    /// already keeps its place.
    pub(super) fn wait(&mut self, run: RunId, tenant: &TenantName, priority: i32) {
        if self.waiting.contains_key(&run) {
            return;
        }
        self.waiting.insert(run, tenant.clone());
        let runs = &mut self.tenants.entry(tenant.clone()).or_default().runs;
        let place = runs.partition_point(|(_, other)| *other >= priority);
        runs.insert(place, (run, priority));
    }

    /// The run waits no longer.
    pub(super) fn forget(&mut self, run: RunId) {
        let Some(tenant) = self.waiting.remove(&run) else { return };
        if let Some(share) = self.tenants.get_mut(&tenant) {
            share.runs.retain(|(waiting, _)| *waiting != run);
        }
        self.tidy(&tenant);
    }

    /// The run whose turn it is, with its tenant. It has what it waited for.
    pub(super) fn next(&mut self) -> Option<(RunId, TenantName)> {
        let (run, tenant, _) = self.first()?;
        self.took(&tenant);
        Some((run, tenant))
    }

    /// The run whose turn it is, with its tenant and its priority. It waits no longer, and has nothing yet.
    pub(super) fn first(&mut self) -> Option<(RunId, TenantName, i32)> {
        let waiting = self.tenants.iter_mut().filter(|(_, share)| !share.runs.is_empty());
        let (tenant, share) = waiting.min_by_key(|(_, share)| (share.taken, share.served))?;
        let (run, priority) = share.runs.pop_front()?;
        let tenant = tenant.clone();
        self.waiting.remove(&run);
        Some((run, tenant, priority))
    }

    /// A run of the tenant has one more.
    pub(super) fn took(&mut self, tenant: &TenantName) {
        self.served += 1;
        let share = self.tenants.entry(tenant.clone()).or_default();
        share.taken += 1;
        share.served = self.served;
    }

    /// A run of the tenant has one less.
    pub(super) fn gave_back(&mut self, tenant: &TenantName) {
        if let Some(share) = self.tenants.get_mut(tenant) {
            share.taken = share.taken.saturating_sub(1);
        }
        self.tidy(tenant);
    }

    /// The runs that wait.
    pub(super) fn runs(&self) -> impl Iterator<Item = RunId> + '_ {
        self.waiting.keys().copied()
    }

    /// How many runs wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn tidy(&mut self, tenant: &TenantName) {
        if self.tenants.get(tenant).is_some_and(|share| share.taken == 0 && share.runs.is_empty()) {
            self.tenants.remove(tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use vocab::SeededIds;

    use super::*;

    fn tenant(name: &str) -> TenantName {
        name.parse().unwrap()
    }

    #[test]
    fn a_tenant_with_many_runs_does_not_hold_up_one_with_few() {
        let ids = SeededIds::default();
        let mut queue = FairQueue::default();
        for _ in 0..100 {
            queue.wait(RunId::generate(&ids), &tenant("large"), 0);
        }
        assert_eq!(queue.next().unwrap().1, tenant("large"), "alone, it has everything");
        for _ in 0..2 {
            queue.wait(RunId::generate(&ids), &tenant("small"), 0);
        }
        let order: Vec<_> = (0..6).map(|_| queue.next().unwrap().1.to_string()).collect();
        assert_eq!(order, ["small", "large", "small", "large", "large", "large"]);
        // What the large one gives back goes to whoever has least.
        queue.gave_back(&tenant("small"));
        queue.gave_back(&tenant("small"));
        queue.wait(RunId::generate(&ids), &tenant("small"), 0);
        assert_eq!(queue.next().unwrap().1, tenant("small"));
    }

    #[test]
    fn equals_take_turns_and_so_do_the_runs_of_each() {
        let ids = SeededIds::default();
        let mut queue = FairQueue::default();
        let runs: Vec<_> = (0..6).map(|_| RunId::generate(&ids)).collect();
        for (number, run) in runs.iter().enumerate() {
            queue.wait(*run, &tenant(if number < 3 { "a" } else { "b" }), 0);
        }
        let mut order = Vec::new();
        while let Some((run, of)) = queue.next() {
            order.push(run);
            queue.gave_back(&of);
        }
        assert_eq!(order, [0, 3, 1, 4, 2, 5].map(|number| runs[number]));
        assert!(queue.tenants.is_empty(), "nothing is kept about who has and wants nothing");
    }

    #[test]
    fn a_run_waits_once_and_can_stop_waiting() {
        let ids = SeededIds::default();
        let (mut queue, one) = (FairQueue::default(), RunId::generate(&ids));
        queue.wait(one, &tenant("a"), 0);
        queue.wait(one, &tenant("a"), 0);
        assert_eq!(queue.len(), 1);
        queue.forget(one);
        assert_eq!((queue.len(), queue.next()), (0, None));
    }

    #[test]
    fn the_higher_priority_goes_first_within_its_tenant_and_nowhere_else() {
        let ids = SeededIds::default();
        let mut queue = FairQueue::default();
        let runs: Vec<_> = (0..6).map(|_| RunId::generate(&ids)).collect();
        for (run, of, priority) in
            [(0, "a", 0), (1, "a", 5), (2, "a", -1), (3, "a", 5), (4, "b", -100), (5, "a", 0)]
        {
            queue.wait(runs[run], &tenant(of), priority);
        }
        let mut order = Vec::new();
        while let Some((run, of)) = queue.next() {
            order.push(run);
            queue.gave_back(&of);
        }
        assert_eq!(order, [1, 4, 3, 0, 5, 2].map(|number| runs[number]));
    }
}
