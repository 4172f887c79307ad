//! Which runs this process holds, as far as it knows.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine_ports::Term;
use vocab::{RequestId, RunId, Timestamp};

/// One hold on a run: another one than before, should the run have been lost meanwhile.
pub(crate) type Hold = u64;

/// The claims of this process.
pub(crate) struct Claims {
    /// How long a claim lasts unless it is renewed.
    lasts: Duration,
    held: Mutex<Held>,
    taken: Arc<Mutex<HashSet<RequestId>>>,
}

#[derive(Default)]
struct Held {
    runs: HashMap<RunId, Hold>,
    next: Hold,
    /// Monotonic time until which the last renewal is good.
    sure_until: Duration,
}

/// What a renewal has shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Runs that this process does not hold any more, or was not sure to hold all the time.
    pub(super) lost: Vec<RunId>,
    /// Runs that it holds in the store and does not drive yet.
    pub(super) gained: Vec<RunId>,
}

/// A request that is being carried out; until it is dropped, it is not taken up again.
pub(crate) struct Taken {
    request: RequestId,
    all: Arc<Mutex<HashSet<RequestId>>>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.request);
    }
}

impl Claims {
    pub(crate) fn new(lasts: Duration) -> Self {
        Self { lasts, held: Mutex::default(), taken: Arc::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn lasts(&self) -> Duration {
        self.lasts
    }

    /// The term of a claim that begins at `now`.
    pub(crate) const fn term(&self, now: Timestamp) -> Term {
        Term { now, lasts: self.lasts }
    }

    /// The hold on a run at that monotonic time, if there is one.
    pub(crate) fn hold(&self, run: RunId, monotonic: Duration) -> Option<Hold> {
        let held = self.held();
        held.runs.get(&run).copied().filter(|_| monotonic < held.sure_until)
    }

    /// Takes a run up that the store has claimed for this process. Whether it was not held before.
    pub(crate) fn take(&self, run: RunId) -> bool {
        let mut held = self.held();
        held.next += 1;
        let next = held.next;
        let before = held.runs.len();
        held.runs.entry(run).or_insert(next);
        held.runs.len() > before
    }

    /// Lets a run go.
    pub(crate) fn let_go(&self, run: RunId) -> bool {
        self.held().runs.remove(&run).is_some()
    }

    /// All that is held, sure or not.
    pub(super) fn all(&self) -> HashMap<RunId, Hold> {
        self.held().runs.clone()
    }

    /// For how long from that time on the claims are known to be good.
    pub(super) fn sure_for(&self, monotonic: Duration) -> Duration {
        self.held().sure_until.saturating_sub(monotonic)
    }

    /// The store has renewed the claims on `runs`. `asked` and `now` are the monotonic times before and after that, and
    /// `before` is what was held when it was asked: a run that came in between is no loss.
    ///
    /// A quarter of the term is kept back, so that this process stops before anybody else may take over.
    pub(super) fn renewed(
        &self,
        asked: Duration,
        now: Duration,
        before: &HashMap<RunId, Hold>,
        runs: &[RunId],
    ) -> Change {
        let mut held = self.held();
        let broken = asked >= held.sure_until || now >= held.sure_until;
        let first = held.sure_until.is_zero();
        held.sure_until = asked + self.lasts * 3 / 4;
        let renewed: HashSet<_> = runs.iter().copied().collect();
        let gone = |run: &RunId, hold: &Hold| {
            let known = before.get(run) == Some(hold);
            known && (!renewed.contains(run) || (broken && !first))
        };
        let lost: Vec<_> =
            held.runs.iter().filter(|(run, hold)| gone(run, hold)).map(|(run, _)| *run).collect();
        for run in &lost {
            held.runs.remove(run);
        }
        let gained = runs.iter().copied().filter(|run| !held.runs.contains_key(run)).collect();
        Change { lost, gained }
    }

    /// Everything that was held, once no renewal has come in time.
    pub(super) fn lapse(&self, monotonic: Duration) -> Vec<RunId> {
        let mut held = self.held();
        if monotonic < held.sure_until {
            return Vec::new();
        }
        held.runs.drain().map(|(run, _)| run).collect()
    }

    /// Begins to carry a request out, unless that was begun.
    pub(super) fn begin(&self, request: RequestId) -> Option<Taken> {
        let new = self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(request);
        new.then(|| Taken { request, all: Arc::clone(&self.taken) })
    }
}

#[cfg(test)]
mod tests {
    use vocab::{IdSource as _, SeededIds};

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn claims() -> (Claims, [RunId; 3]) {
        let ids = SeededIds::default();
        let claims = Claims::new(seconds(20));
        claims.renewed(seconds(0), seconds(0), &HashMap::new(), &[]);
        (claims, [(); 3].map(|()| RunId::from(ids.uuid())))
    }

    #[test]
    fn a_claim_is_good_for_three_quarters_of_its_term_since_it_was_asked_for() {
        let (claims, [run, ..]) = claims();
        claims.take(run);
        assert!(claims.hold(run, seconds(14)).is_some() && claims.hold(run, seconds(15)).is_none());
        let change = claims.renewed(seconds(10), seconds(12), &claims.all(), &[run]);
        assert_eq!(change, Change::default());
        assert!(claims.hold(run, seconds(24)).is_some() && claims.hold(run, seconds(25)).is_none());
    }

    #[test]
    fn what_somebody_took_over_is_lost_and_what_is_new_is_gained() {
        let (claims, [mine, theirs, new]) = claims();
        claims.take(mine);
        claims.take(theirs);
        let change = claims.renewed(seconds(1), seconds(1), &claims.all(), &[mine, new]);
        assert_eq!(change, Change { lost: vec![theirs], gained: vec![new] });
        assert!(claims.hold(theirs, seconds(2)).is_none());
    }

    #[test]
    fn a_run_that_came_while_it_was_renewed_is_kept() {
        let (claims, [run, ..]) = claims();
        let before = claims.all();
        claims.take(run);
        assert_eq!(claims.renewed(seconds(1), seconds(1), &before, &[]), Change::default());
        assert!(claims.hold(run, seconds(2)).is_some());
    }

    #[test]
    fn after_a_gap_every_run_begins_anew_though_nobody_took_it() {
        let (claims, [run, ..]) = claims();
        claims.take(run);
        let hold = claims.hold(run, seconds(1));
        let change = claims.renewed(seconds(16), seconds(16), &claims.all(), &[run]);
        assert_eq!(change, Change { lost: vec![run], gained: vec![run] });
        claims.take(run);
        assert_ne!(claims.hold(run, seconds(17)), hold);
    }

    #[test]
    fn without_a_renewal_in_time_nothing_is_held() {
        let (claims, [run, ..]) = claims();
        claims.take(run);
        assert_eq!(claims.lapse(seconds(14)), []);
        assert_eq!(claims.lapse(seconds(15)), [run]);
        assert_eq!(claims.sure_for(seconds(14)), seconds(1));
        assert_eq!(claims.sure_for(seconds(15)), Duration::ZERO);
    }

    #[test]
    fn a_request_is_taken_up_once_until_it_is_let_go() {
        let (claims, _) = claims();
        let request = RequestId::from(SeededIds::default().uuid());
        let taken = claims.begin(request);
        assert!(taken.is_some() && claims.begin(request).is_none());
        drop(taken);
        assert!(claims.begin(request).is_some());
    }
}
