//! Room for attempts on this worker: a bounded number of slots, shared evenly between tenants.
//!
//! A run with a ready step takes a slot when one is free and nobody waits; otherwise it queues, once. A slot that
//! comes free goes to the run whose turn it is ([`FairQueue`]), which may start one step with it and queues again for
//! the next: so runs take turns, however many steps each has ready.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use vocab::{ActionRef, RunId, TenantName};

use super::kinds::Kinds;
use super::queue::FairQueue;

/// Attempts in a row that a run may make with one slot while others wait: short steps follow each other in one
/// commit, and nobody waits for long.
const TURNS: u32 = 8;
/// And no longer than this, so that long steps do not add up.
const TURNS_TIME: Duration = Duration::from_millis(250);

/// How full this worker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotsStatus {
    /// Attempts that may run at once.
    pub capacity: usize,
    /// Attempts that run.
    pub taken: usize,
    /// Runs that wait for a slot.
    pub waiting: usize,
    /// Why nothing new starts, where that is so.
    pub paused: Option<String>,
}

/// The slots of this worker.
#[derive(Debug)]
pub(crate) struct Slots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    capacity: usize,
    /// Whether any action is bounded.
    bounded: bool,
    state: Mutex<State>,
    /// Slots that came free for a run that waited. Bounded by the number of slots.
    offers: mpsc::Sender<(RunId, Slot)>,
}

#[derive(Debug)]
struct State {
    free: usize,
    queue: FairQueue,
    kinds: Kinds,
    /// Slots given out so far, to tell them apart.
    slots: u64,
    paused: Option<String>,
    closed: bool,
}

/// The right to run one attempt. Dropping it hands it on.
#[derive(Debug)]
pub(crate) struct Slot {
    inner: Arc<Inner>,
    id: u64,
    /// Whose run has it.
    tenant: TenantName,
    since: Instant,
    turns: u32,
}

impl Slots {
    /// `capacity` slots with bounds for some actions, and where they appear that became free for a run that waited.
    pub(crate) fn new(
        capacity: usize,
        per_action: &BTreeMap<String, u64>,
    ) -> (Self, mpsc::Receiver<(RunId, Slot)>) {
        let capacity = capacity.max(1);
        let (offers, offered) = mpsc::channel(capacity);
        let (queue, kinds) = (FairQueue::default(), Kinds::new(per_action));
        let state = State { free: capacity, queue, kinds, slots: 0, paused: None, closed: false };
        (
            Self {
                inner: Arc::new(Inner {
                    capacity,
                    bounded: !per_action.is_empty(),
                    state: Mutex::new(state),
                    offers,
                }),
            },
            offered,
        )
    }

    /// A slot for a run of the tenant, when one is free and nobody waits for it.
    pub(crate) fn take(&self, tenant: &TenantName) -> Option<Slot> {
        let mut state = self.inner.state();
        if state.paused.is_some() || state.free == 0 || state.queue.len() > 0 {
            return None;
        }
        state.queue.took(tenant);
        Some(Slot::new(&self.inner, &mut state, tenant.clone()))
    }

    /// Whether another attempt of the action may run.
    pub(crate) fn has_room(&self, action: &ActionRef) -> bool {
        !self.inner.bounded || self.inner.state().kinds.has_room(action)
    }

    /// The run waits until another attempt of the action may run, and then for a slot.
    pub(crate) fn wait_for(&self, action: &ActionRef, run: RunId, tenant: &TenantName, priority: i32) {
        let mut state = self.inner.state();
        state.kinds.wait(run, tenant, priority, action);
        Inner::offer(&self.inner, state);
    }

    /// The run waits for a slot. A run that waits already keeps its place.
    pub(crate) fn wait(&self, run: RunId, tenant: &TenantName, priority: i32) {
        let mut state = self.inner.state();
        state.queue.wait(run, tenant, priority);
        Inner::offer(&self.inner, state);
    }

    /// The run waits no longer.
    pub(crate) fn forget(&self, run: RunId) {
        let mut state = self.inner.state();
        state.queue.forget(run);
        state.kinds.forget(run);
        Inner::offer(&self.inner, state);
    }

    /// There is too little space to start anything new, for this reason; or enough again.
    pub(crate) fn space(&self, reason: Option<String>) {
        let mut state = self.inner.state();
        if state.closed {
            return;
        }
        if state.paused != reason {
            tracing::warn!(paused = reason.as_deref(), "whether attempts may start has changed");
        }
        state.paused = reason;
        Inner::offer(&self.inner, state);
    }

    /// Nothing new starts any more.
    pub(crate) fn close(&self) {
        let mut state = self.inner.state();
        state.closed = true;
        state.paused = Some("the factory is shutting down".to_owned());
    }

    pub(crate) fn status(&self) -> SlotsStatus {
        let state = self.inner.state();
        SlotsStatus {
            capacity: self.inner.capacity,
            taken: self.inner.capacity - state.free,
            waiting: state.queue.runs().chain(state.kinds.runs()).collect::<HashSet<_>>().len(),
            paused: state.paused.clone(),
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers free slots to those who wait.
    fn offer(this: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let State { queue, kinds, .. } = &mut *state;
        kinds.let_go(queue);
        while state.paused.is_none() && state.free > 0 {
            // There are never more offers under way than slots; a closed channel means that the engine is gone.
            let Ok(offer) = this.offers.try_reserve() else { break };
            let Some((run, tenant)) = state.queue.next() else { break };
            offer.send((run, Slot::new(this, &mut state, tenant)));
        }
    }
}

impl Slot {
    /// One of those that are free.
    fn new(inner: &Arc<Inner>, state: &mut State, tenant: TenantName) -> Self {
        state.free -= 1;
        state.slots += 1;
        Self { inner: Arc::clone(inner), id: state.slots, tenant, since: Instant::now(), turns: 0 }
    }

    /// An attempt of the action runs with it; not when as many run as may.
    pub(crate) fn begin(&self, action: &ActionRef) -> bool {
        !self.inner.bounded || self.inner.state().kinds.begin(self.id, &self.tenant, action)
    }

    /// The same slot for the run's next attempt, unless it is another run's turn. The attempt that ran with it is over.
    pub(crate) fn again(mut self) -> Option<Self> {
        let mut state = self.inner.state();
        state.kinds.end(self.id);
        let State { queue, kinds, .. } = &mut *state;
        kinds.let_go(queue);
        let short = self.turns < TURNS && self.since.elapsed() < TURNS_TIME;
        let keep = state.paused.is_none() && (state.queue.len() == 0 || short);
        // What the action has room for now may take another slot.
        Inner::offer(&self.inner, state);
        self.turns += 1;
        keep.then_some(self)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.inner.state();
        state.free += 1;
        state.kinds.end(self.id);
        state.queue.gave_back(&self.tenant);
        Inner::offer(&self.inner, state);
    }
}

#[cfg(test)]
mod tests {
    use vocab::SeededIds;

    use super::*;

    fn tenant() -> TenantName {
        TenantName::default_tenant()
    }

    fn runs(count: usize) -> Vec<RunId> {
        let ids = SeededIds::default();
        (0..count).map(|_| RunId::generate(&ids)).collect()
    }

    #[test]
    fn a_free_slot_goes_to_the_run_that_waits_longest() {
        let (slots, mut offered) = Slots::new(1, &BTreeMap::new());
        let runs = runs(2);
        let held = slots.take(&tenant()).unwrap();
        slots.wait(runs[0], &tenant(), 0);
        slots.wait(runs[1], &tenant(), 0);
        slots.wait(runs[0], &tenant(), 0);
        assert!(offered.try_recv().is_err());
        drop(held);
        let (first, slot) = offered.try_recv().unwrap();
        assert_eq!(first, runs[0]);
        slots.wait(first, &tenant(), 0);
        assert!(slots.take(&tenant()).is_none());
        drop(slot);
        assert_eq!(offered.try_recv().unwrap().0, runs[1]);
    }

    #[test]
    fn a_pause_holds_back_everything_and_its_end_lets_it_go() {
        let (slots, mut offered) = Slots::new(2, &BTreeMap::new());
        slots.space(Some("full".into()));
        assert!(slots.take(&tenant()).is_none());
        slots.wait(runs(1)[0], &tenant(), 0);
        assert!(offered.try_recv().is_err());
        assert_eq!(slots.status().waiting, 1);
        slots.space(None);
        assert!(offered.try_recv().is_ok());
        assert_eq!(slots.status().taken, 0);
    }

    #[test]
    fn a_run_keeps_its_slot_for_a_bounded_number_of_turns_while_others_wait() {
        let (slots, _offered) = Slots::new(1, &BTreeMap::new());
        let mut slot = slots.take(&tenant()).unwrap();
        for _ in 0..100 {
            slot = slot.again().unwrap();
        }
        slots.wait(runs(1)[0], &tenant(), 0);
        assert!(slot.again().is_none());
    }

    #[test]
    fn slots_never_leak() {
        let (slots, mut offered) = Slots::new(3, &BTreeMap::new());
        let runs = runs(10);
        for run in &runs {
            slots.wait(*run, &tenant(), 0);
        }
        let mut served = 0;
        while let Ok((_, slot)) = offered.try_recv() {
            served += 1;
            drop(slot);
        }
        assert_eq!(served, 10);
        assert_eq!(slots.status().taken, 0);
        slots.wait(runs[0], &tenant(), 0);
        drop(offered);
        assert_eq!(slots.status().taken, 0);
    }

    #[test]
    fn attempts_of_a_bounded_action_wait_for_each_other_and_for_nobody_else() {
        let (slots, mut offered) = Slots::new(4, &BTreeMap::from([("test/rare".to_owned(), 1)]));
        let (rare, common): (ActionRef, ActionRef) =
            ("test/rare@v2".parse().unwrap(), "test/common@v1".parse().unwrap());
        let runs = runs(3);
        let first = slots.take(&tenant()).unwrap();
        assert!(slots.has_room(&rare) && first.begin(&rare));
        assert!(!slots.has_room(&rare) && slots.has_room(&common));
        let second = slots.take(&tenant()).unwrap();
        assert!(!second.begin(&rare) && second.begin(&common));
        slots.wait_for(&rare, runs[0], &tenant(), 0);
        slots.wait_for(&rare, runs[1], &tenant(), 3);
        assert!(offered.try_recv().is_err(), "a free slot alone is not enough");
        assert_eq!(slots.status().waiting, 2);
        drop(first);
        let (run, slot) = offered.try_recv().unwrap();
        assert_eq!(run, runs[1], "by priority");
        // It has changed its mind: the next one is not forgotten.
        drop(slot);
        let (run, slot) = offered.try_recv().unwrap();
        assert!(run == runs[0] && slot.begin(&rare));
        slots.wait_for(&rare, runs[2], &tenant(), 0);
        assert!(offered.try_recv().is_err());
        // The attempt is over, whether or not its run keeps the slot.
        let kept = slot.again();
        assert!(kept.is_some());
        assert_eq!(offered.try_recv().unwrap().0, runs[2]);
    }
}
