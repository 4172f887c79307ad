//! Claims in the maps, by the same rules as in the tables.

use engine_ports::Term;
use vocab::{RunId, WorkerId};

use super::rows::Rows;

impl Rows {
    /// Takes unfinished runs that are in nobody's hands, the oldest first.
    pub(super) fn claim(&mut self, worker: WorkerId, term: Term, limit: usize) -> Vec<RunId> {
        let free = |run: &RunId| self.claims.get(run).is_none_or(|(_, until)| *until <= term.now);
        let open = self.runs.values().filter(|history| !history.row.is_over()).map(|history| history.row.id);
        let taken: Vec<_> = open.filter(free).take(limit).collect();
        self.claims.extend(taken.iter().map(|run| (*run, (worker, term.ends(term.now)))));
        taken
    }

    /// Takes one run, unless it is somebody else's. Whether it is the worker's now.
    pub(super) fn claim_run(&mut self, worker: WorkerId, term: Term, run: RunId) -> bool {
        let mut until = term.ends(term.now);
        match self.claims.get(&run) {
            _ if !self.runs.contains_key(&run) => return false,
            Some((holder, held)) if *holder == worker => until = until.max(*held),
            Some((_, held)) if *held > term.now => return false,
            _ => {}
        }
        self.claims.insert(run, (worker, until));
        true
    }

    /// Extends what a worker holds and says what that is.
    pub(super) fn renew_claims(&mut self, worker: WorkerId, term: Term) -> Vec<RunId> {
        let own = self.claims.iter_mut().filter(|(_, (owner, _))| *owner == worker);
        own.map(|(run, (_, until))| {
            *until = term.ends(term.now).max(*until);
            *run
        })
        .collect()
    }

    /// Gives a run up. Whether it was the worker's.
    pub(super) fn release_claim(&mut self, worker: WorkerId, run: RunId) -> bool {
        let own = self.claims.get(&run).is_some_and(|(owner, _)| *owner == worker);
        own && self.claims.remove(&run).is_some()
    }
}
