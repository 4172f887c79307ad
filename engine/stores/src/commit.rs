//! What a commit must satisfy before any store touches a row: the part that needs no database.

use std::fmt;

use engine_ports::{Commit, Lease, LeaseChange, NewRun, StoreError};
use vocab::{RunId, StepPath};

/// What a change of a lease means for its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseMove<'a> {
    /// An event of this commit grants it: it replaces whatever the row held.
    Grant(&'a Lease),
    /// An earlier event granted it: the row must still carry its token, or the step has a new owner.
    Renew(&'a Lease),
    /// Given up: the row must still carry this token.
    Drop(&'a StepPath, u64),
    /// Granted and given up by events of this commit: whatever the row holds is older, and goes.
    Clear(&'a StepPath),
}

impl<'a> LeaseMove<'a> {
    /// The step that it is about.
    const fn path(self) -> &'a StepPath {
        match self {
            Self::Grant(lease) | Self::Renew(lease) => &lease.path,
            Self::Drop(path, _) | Self::Clear(path) => path,
        }
    }

    /// Reads the meaning out of the token, which is the number of the event that granted the lease.
    pub(crate) fn of(commit: &Commit, change: &'a LeaseChange) -> Self {
        match change {
            LeaseChange::Grant(lease) if lease.token > commit.expected_seq => Self::Grant(lease),
            LeaseChange::Grant(lease) => Self::Renew(lease),
            LeaseChange::Drop { path, token } if *token > commit.expected_seq => Self::Clear(path),
            LeaseChange::Drop { path, token } => Self::Drop(path, *token),
        }
    }
}

/// The changes of leases in a commit, step by step in the order of their names: whoever takes several rows takes them
/// in that order, so that two never wait for each other. The changes of one step keep their order.
pub(crate) fn lease_moves(commit: &Commit) -> Vec<LeaseMove<'_>> {
    let mut moves: Vec<_> = commit.leases.iter().map(|change| LeaseMove::of(commit, change)).collect();
    if moves.len() > 1 {
        moves.sort_by_cached_key(|change| change.path().to_string());
    }
    moves
}

/// Refuses a commit that contradicts itself: a gap in its events, or a row of another run.
pub(crate) fn check(commit: &Commit) -> Result<(), StoreError> {
    let run = &commit.run;
    let fail =
        |reason: String| Err(StoreError::Malformed { what: format!("commit of run {}", run.id), reason });
    for (seq, event) in (commit.expected_seq + 1..).zip(&commit.events) {
        if event.seq != seq {
            return fail(format!("event {} stands where event {seq} is due", event.seq));
        }
    }
    let last = commit.expected_seq + commit.events.len() as u64;
    if run.seq != last {
        return fail(format!("its run is at event {} but its events end at {last}", run.seq));
    }
    let strangers = commit
        .steps
        .iter()
        .map(|step| step.run)
        .chain(commit.effects.iter().map(|effect| effect.key.run))
        .chain(commit.memos.iter().map(|memo| memo.run))
        .chain(commit.leases.iter().filter_map(granted).map(|lease| lease.run));
    for stranger in strangers {
        if stranger != run.id {
            return fail(format!("it holds a row of run {stranger}"));
        }
    }
    if let Some(memo) = commit.memos.iter().find(|memo| memo.key.tenant != run.tenant) {
        return fail(format!("it fills the cache of tenant `{}`", memo.key.tenant));
    }
    for change in &commit.leases {
        let (path, token) = match change {
            LeaseChange::Grant(lease) => (&lease.path, lease.token),
            LeaseChange::Drop { path, token } => (path, *token),
        };
        if token > last {
            return fail(format!("a lease of `{path}` names event {token}, which is not there yet"));
        }
    }
    Ok(())
}

/// Refuses a new run that is not new, and what [`check`] refuses.
pub(crate) fn check_new(new: &NewRun) -> Result<(), StoreError> {
    if new.commit.expected_seq != 0 {
        return Err(StoreError::Malformed {
            what: format!("new run {}", new.commit.run.id),
            reason: format!("it expects {} earlier events", new.commit.expected_seq),
        });
    }
    check(&new.commit)
}

const fn granted(change: &LeaseChange) -> Option<&Lease> {
    match change {
        LeaseChange::Grant(lease) => Some(lease),
        LeaseChange::Drop { .. } => None,
    }
}

/// The answer when somebody else wrote first.
pub(crate) fn conflict(run: RunId, expected: u64, found: u64) -> StoreError {
    StoreError::Conflict {
        what: format!("run {run}"),
        expected: format!("event {expected}"),
        found: format!("event {found}"),
    }
}

/// The answer to an attempt whose lease has a new owner.
pub(crate) fn fenced(run: RunId, path: &dyn fmt::Display) -> StoreError {
    StoreError::Fenced(format!("step `{path}` of run {run}"))
}

/// The answer to a process that does not hold the claim of the run.
pub(crate) fn not_held(run: RunId) -> StoreError {
    StoreError::Fenced(format!("run {run}, which another process may drive by now"))
}

/// The answer when a run is not there.
pub(crate) fn no_run(run: RunId) -> StoreError {
    StoreError::Missing(format!("run {run}"))
}
