//! Rows of runs in maps, with the same rules as the tables: all of a commit or nothing.

use std::collections::BTreeMap;

use engine_ports::{
    Commit, EffectRecord, EventRecord, Lease, LogRecord, MemoEntry, MemoKey, NewRun, Projection, Request,
    RunRow, StepRow, StoreError,
};
use serde_json::Value as Json;
use vocab::{Digest, ProjectId, RequestId, RunId, StepPath, TenantName, Timestamp, WorkerId};

use crate::commit::{LeaseMove, check, check_new, conflict, fenced, lease_moves, no_run, not_held};

/// Tenant, project, delivery and file: what asked for a run.
type Origin = (TenantName, Option<ProjectId>, String, String);

/// Everything about runs.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) runs: BTreeMap<RunId, History>,
    pub(super) plans: BTreeMap<Digest, Json>,
    pub(super) leases: BTreeMap<(RunId, StepPath), Lease>,
    /// Who drives a run, and until when nobody else may.
    pub(super) claims: BTreeMap<RunId, (WorkerId, Timestamp)>,
    /// What is asked of runs, and the answers.
    pub(super) requests: BTreeMap<RequestId, (Request, Option<Json>)>,
    pub(super) memos: BTreeMap<MemoKey, MemoEntry>,
    pub(super) origins: BTreeMap<Origin, RunId>,
}

/// A run with what hangs on it.
#[derive(Debug)]
pub(super) struct History {
    pub(super) row: RunRow,
    pub(super) events: Vec<EventRecord>,
    pub(super) steps: BTreeMap<StepPath, StepRow>,
    pub(super) effects: BTreeMap<(StepPath, String), EffectRecord>,
    pub(super) logs: BTreeMap<(StepPath, u32), LogRecord>,
}

impl Rows {
    /// Adds a run, or finds the one that the same origin started.
    pub(super) fn create(&mut self, new: NewRun) -> Result<RunId, StoreError> {
        check_new(&new)?;
        let row = &new.commit.run;
        let id = row.id;
        let origin = new.origin.map(|(delivery, file)| (row.tenant.clone(), row.project, delivery, file));
        if let Some(earlier) = origin.as_ref().and_then(|origin| self.origins.get(origin)) {
            return Ok(*earlier);
        }
        if let Some(taken) = self.runs.get(&id) {
            return Err(conflict(id, 0, taken.row.seq));
        }
        let leases = self.moved_leases(&new.commit)?;
        if let Some(claim) = new.commit.claim {
            self.claims.insert(id, (claim.worker, claim.term.ends(claim.term.now)));
        }
        self.plans.entry(row.plan.clone()).or_insert(new.plan);
        self.origins.extend(origin.map(|origin| (origin, id)));
        let history = History {
            row: row.clone(),
            events: Vec::new(),
            steps: BTreeMap::new(),
            effects: BTreeMap::new(),
            logs: BTreeMap::new(),
        };
        self.runs.insert(id, history);
        self.put(new.commit, leases);
        Ok(id)
    }

    /// Moves a run on.
    pub(super) fn commit(&mut self, commit: Commit) -> Result<(), StoreError> {
        check(&commit)?;
        let id = commit.run.id;
        let found = self.runs.get(&id).ok_or_else(|| no_run(id))?;
        if found.row.seq != commit.expected_seq {
            return Err(conflict(id, commit.expected_seq, found.row.seq));
        }
        if found.row.tenant != commit.run.tenant {
            return Err(no_run(id));
        }
        if let Some(claim) = commit.claim
            && self.claims.get(&id).is_none_or(|(holder, _)| *holder != claim.worker)
        {
            return Err(not_held(id));
        }
        let leases = self.moved_leases(&commit)?;
        self.put(commit, leases);
        Ok(())
    }

    /// Adds the place of an attempt's log, unless it is known already.
    pub(super) fn keep_log(&mut self, log: LogRecord) -> Result<(), StoreError> {
        let found = self.runs.get_mut(&log.run).filter(|history| history.row.tenant == log.tenant);
        let history = found.ok_or_else(|| no_run(log.run))?;
        history.logs.entry((log.path.clone(), log.attempt)).or_insert(log);
        Ok(())
    }

    /// Runs that are not over and that no step started, oldest first.
    pub(super) fn sharing_room(&self) -> impl Iterator<Item = &RunRow> {
        let rows = self.runs.values().map(|history| &history.row);
        rows.filter(|row| !row.is_over() && row.parent.is_none())
    }

    /// Puts these rows in the place of those that the run has.
    pub(super) fn reproject(&mut self, projection: Projection) -> Result<(), StoreError> {
        let Projection { run, steps, effects } = projection;
        let found = self.runs.get_mut(&run.id).filter(|history| history.row.tenant == run.tenant);
        let history = found.ok_or_else(|| no_run(run.id))?;
        history.row = run;
        history.steps = steps.into_iter().map(|step| (step.path.clone(), step)).collect();
        history.effects = effects
            .into_iter()
            .map(|effect| ((effect.key.path.clone(), effect.key.name.clone()), effect))
            .collect();
        Ok(())
    }

    /// The leases that a commit touches as they are afterwards; `None` for one that was given up.
    fn moved_leases(&self, commit: &Commit) -> Result<BTreeMap<StepPath, Option<Lease>>, StoreError> {
        let run = commit.run.id;
        let mut moved: BTreeMap<StepPath, Option<Lease>> = BTreeMap::new();
        for change in lease_moves(commit) {
            let held = |path: &StepPath| match moved.get(path) {
                Some(lease) => lease.as_ref(),
                None => self.leases.get(&(run, path.clone())),
            };
            let (path, lease) = match change {
                LeaseMove::Grant(lease) => (&lease.path, Some(lease.clone())),
                LeaseMove::Renew(lease) => {
                    let same = held(&lease.path).is_some_and(|held| {
                        (held.token, held.worker, held.attempt) == (lease.token, lease.worker, lease.attempt)
                    });
                    if !same {
                        return Err(fenced(run, &lease.path));
                    }
                    (&lease.path, Some(lease.clone()))
                }
                LeaseMove::Clear(path) => (path, None),
                LeaseMove::Drop(path, token) => {
                    if held(path).is_none_or(|held| held.token != token) {
                        return Err(fenced(run, path));
                    }
                    (path, None)
                }
            };
            moved.insert(path.clone(), lease);
        }
        Ok(moved)
    }

    /// Writes what was checked; cannot fail.
    fn put(&mut self, commit: Commit, leases: BTreeMap<StepPath, Option<Lease>>) {
        let id = commit.run.id;
        for (path, lease) in leases {
            match lease {
                Some(lease) => self.leases.insert((id, path), lease),
                None => self.leases.remove(&(id, path)),
            };
        }
        self.answer(commit.answers);
        for memo in commit.memos {
            self.memos.entry(memo.key.clone()).or_insert(memo);
        }
        if let Some(history) = self.runs.get_mut(&id) {
            history.move_on(commit.run);
            history.events.extend(commit.events);
            history.steps.extend(commit.steps.into_iter().map(|step| (step.path.clone(), step)));
            history.effects.extend(
                commit
                    .effects
                    .into_iter()
                    .map(|effect| ((effect.key.path.clone(), effect.key.name.clone()), effect)),
            );
        }
    }
}

impl History {
    /// Takes over what may change in the life of a run; who it is stays.
    fn move_on(&mut self, to: RunRow) {
        let RunRow { status, compensation, outputs, error, finished_at, seq, .. } = to;
        self.row = RunRow { status, compensation, outputs, error, finished_at, seq, ..self.row.clone() };
    }
}
