//! Room for attempts on this worker: a bounded number of slots, shared evenly between tenants.
//!
//! A run with a ready step takes a slot when one is free and nobody waits; otherwise it queues, once. A slot that
//! comes free goes to the run whose turn it is ([`FairQueue`]), which may start one step with it and queues again for
//! the next: so runs take turns, however many steps each has ready.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use vocab::{RunId, TenantName};

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
    state: Mutex<State>,
    /// Slots that came free for a run that waited. Bounded by the number of slots.
    offers: mpsc::Sender<(RunId, Slot)>,
}

#[derive(Debug)]
struct State {
    free: usize,
    queue: FairQueue,
    paused: Option<String>,
    closed: bool,
}

/// The right to run one attempt. Dropping it hands it on.
#[derive(Debug)]
pub(crate) struct Slot {
    inner: Arc<Inner>,
    /// Whose run has it.
    tenant: TenantName,
    since: Instant,
    turns: u32,
}

impl Slots {
    /// `capacity` slots, and where they appear that became free for a run that waited.
    pub(crate) fn new(capacity: usize) -> (Self, mpsc::Receiver<(RunId, Slot)>) {
        let capacity = capacity.max(1);
        let (offers, offered) = mpsc::channel(capacity);
        let state = State { free: capacity, queue: FairQueue::default(), paused: None, closed: false };
        (Self { inner: Arc::new(Inner { capacity, state: Mutex::new(state), offers }) }, offered)
    }

    /// A slot for a run of the tenant, when one is free and nobody waits for it.
    pub(crate) fn take(&self, tenant: &TenantName) -> Option<Slot> {
        let mut state = self.inner.state();
        if state.paused.is_some() || state.free == 0 || state.queue.len() > 0 {
            return None;
        }
        state.free -= 1;
        state.queue.took(tenant);
        Some(Slot::new(&self.inner, tenant.clone()))
    }

    /// The run waits for a slot. A run that waits already keeps its place.
    pub(crate) fn wait(&self, run: RunId, tenant: &TenantName, priority: i32) {
        let mut state = self.inner.state();
        state.queue.wait(run, tenant, priority);
        Inner::offer(&self.inner, state);
    }

    /// The run waits no longer.
    pub(crate) fn forget(&self, run: RunId) {
        self.inner.state().queue.forget(run);
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
            waiting: state.queue.len(),
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
        while state.paused.is_none() && state.free > 0 {
            // There are never more offers under way than slots; a closed channel means that the engine is gone.
            let Ok(offer) = this.offers.try_reserve() else { break };
            let Some((run, tenant)) = state.queue.next() else { break };
            state.free -= 1;
            offer.send((run, Slot::new(this, tenant)));
        }
    }
}

impl Slot {
    fn new(inner: &Arc<Inner>, tenant: TenantName) -> Self {
        Self { inner: Arc::clone(inner), tenant, since: Instant::now(), turns: 0 }
    }

    /// The same slot for the run's next attempt, unless it is another run's turn.
    pub(crate) fn again(mut self) -> Option<Self> {
        let state = self.inner.state();
        let short = self.turns < TURNS && self.since.elapsed() < TURNS_TIME;
        let keep = state.paused.is_none() && (state.queue.len() == 0 || short);
        drop(state);
        self.turns += 1;
        keep.then_some(self)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.inner.state();
        state.free += 1;
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
        let (slots, mut offered) = Slots::new(1);
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
        let (slots, mut offered) = Slots::new(2);
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
        let (slots, _offered) = Slots::new(1);
        let mut slot = slots.take(&tenant()).unwrap();
        for _ in 0..100 {
            slot = slot.again().unwrap();
        }
        slots.wait(runs(1)[0], &tenant(), 0);
        assert!(slot.again().is_none());
    }

    #[test]
    fn slots_never_leak() {
        let (slots, mut offered) = Slots::new(3);
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
}
