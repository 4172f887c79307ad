//! The run store in memory.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use engine_ports::{
    Commit, EffectRecord, EventRecord, FinishedFilter, FinishedRun, Lease, LogRecord, MemoEntry, MemoKey,
    NewRun, Page, Projection, Request, RunFilter, RunRow, RunStore, StepRow, StoreError, Term, UnderWay,
};
use serde_json::Value as Json;
use vocab::{
    Digest, EffectState, ProjectId, RequestId, RunId, RunStatus, StepPath, TenantName, Timestamp, WorkerId,
};

use super::rows::Rows;

/// Runs in memory.
#[derive(Debug, Default)]
pub struct MemoryRunStore {
    rows: Mutex<Rows>,
}

impl MemoryRunStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Every change is checked before the first map is touched, so a panic elsewhere leaves no half of one.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RunStore for MemoryRunStore {
    async fn create(&self, run: NewRun) -> Result<RunId, StoreError> {
        self.rows().create(run)
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.rows().commit(commit)
    }

    async fn events(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<EventRecord>, StoreError> {
        let rows = self.rows();
        let events = rows.runs.get(&run).map_or(&[][..], |history| &history.events);
        Ok(events.iter().filter(|event| event.seq > after).take(limit as usize).cloned().collect())
    }

    async fn plan(&self, digest: &Digest) -> Result<Json, StoreError> {
        let missing = || StoreError::Missing(format!("plan {digest}"));
        self.rows().plans.get(digest).cloned().ok_or_else(missing)
    }

    async fn unfinished(&self) -> Result<Vec<RunId>, StoreError> {
        let rows = self.rows();
        let open = rows.runs.values().filter(|history| !history.row.is_over());
        Ok(open.map(|history| history.row.id).collect())
    }

    async fn run(&self, tenant: &TenantName, run: RunId) -> Result<Option<RunRow>, StoreError> {
        Ok(self.run_any_tenant(run).await?.filter(|row| row.tenant == *tenant))
    }

    async fn run_any_tenant(&self, run: RunId) -> Result<Option<RunRow>, StoreError> {
        Ok(self.rows().runs.get(&run).map(|history| history.row.clone()))
    }

    async fn runs(
        &self,
        tenant: &TenantName,
        filter: RunFilter,
        limit: u32,
    ) -> Result<Page<RunRow>, StoreError> {
        let rows = self.rows();
        let mut matching = rows.runs.values().rev().map(|history| &history.row).filter(|row| {
            row.tenant == *tenant
                && filter.project.is_none_or(|project| row.project == Some(project))
                && filter.status.is_none_or(|status| row.status == status)
                && filter.before.is_none_or(|before| row.id < before)
        });
        let items = matching.by_ref().take(limit as usize).cloned().collect();
        Ok(Page { items, more: matching.next().is_some() })
    }

    async fn under_way(&self, tenant: &TenantName) -> Result<Vec<UnderWay>, StoreError> {
        let rows = self.rows();
        Ok(rows.sharing_room().filter(|row| row.tenant == *tenant).map(under_way).collect())
    }

    async fn queueing(&self) -> Result<Vec<TenantName>, StoreError> {
        let rows = self.rows();
        let queued = rows.sharing_room().filter(|row| row.status == RunStatus::Queued);
        Ok(queued.map(|row| row.tenant.clone()).collect::<BTreeSet<_>>().into_iter().collect())
    }

    async fn started_by(
        &self,
        tenant: &TenantName,
        project: Option<ProjectId>,
        (delivery, file): &(String, String),
    ) -> Result<Option<RunId>, StoreError> {
        let origin = (tenant.clone(), project, delivery.clone(), file.clone());
        Ok(self.rows().origins.get(&origin).copied())
    }

    async fn steps(&self, run: RunId) -> Result<Vec<StepRow>, StoreError> {
        let rows = self.rows();
        let mut steps: Vec<_> =
            rows.runs.get(&run).into_iter().flat_map(|history| history.steps.values().cloned()).collect();
        steps.sort_by(|a, b| (a.position, &a.path).cmp(&(b.position, &b.path)));
        Ok(steps)
    }

    async fn effects(&self, run: RunId) -> Result<Vec<EffectRecord>, StoreError> {
        let rows = self.rows();
        let mut effects: Vec<_> =
            rows.runs.get(&run).into_iter().flat_map(|history| history.effects.values().cloned()).collect();
        effects.sort_by(|a, b| (a.seq, &a.key).cmp(&(b.seq, &b.key)));
        Ok(effects)
    }

    async fn stuck_effects(&self) -> Result<u64, StoreError> {
        let rows = self.rows();
        let effects = rows.runs.values().flat_map(|history| history.effects.values());
        Ok(effects.filter(|effect| effect.state == EffectState::Stuck).count() as u64)
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        Ok(self.rows().leases.values().cloned().collect())
    }

    async fn renew(
        &self,
        worker: WorkerId,
        until: Timestamp,
    ) -> Result<Vec<(RunId, StepPath, u64)>, StoreError> {
        let mut rows = self.rows();
        let mut renewed = Vec::new();
        for lease in rows.leases.values_mut().filter(|lease| lease.worker == worker) {
            lease.expires_at = lease.expires_at.max(until);
            renewed.push((lease.run, lease.path.clone(), lease.token));
        }
        Ok(renewed)
    }

    async fn claim(&self, worker: WorkerId, term: Term, limit: u32) -> Result<Vec<RunId>, StoreError> {
        Ok(self.rows().claim(worker, term, limit as usize))
    }

    async fn claim_run(&self, worker: WorkerId, term: Term, run: RunId) -> Result<bool, StoreError> {
        Ok(self.rows().claim_run(worker, term, run))
    }

    async fn renew_claims(&self, worker: WorkerId, term: Term) -> Result<Vec<RunId>, StoreError> {
        Ok(self.rows().renew_claims(worker, term))
    }

    async fn release_claim(&self, worker: WorkerId, run: RunId) -> Result<bool, StoreError> {
        Ok(self.rows().release_claim(worker, run))
    }

    async fn post(&self, request: Request) -> Result<(), StoreError> {
        self.rows().post(request)
    }

    async fn requests(&self, worker: WorkerId, limit: u32) -> Result<Vec<Request>, StoreError> {
        Ok(self.rows().requests(worker, limit as usize))
    }

    async fn take_answer(&self, request: RequestId) -> Result<Option<Json>, StoreError> {
        Ok(self.rows().take_answer(request))
    }

    async fn forget_answers(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(self.rows().forget_answers(before))
    }

    async fn run_ids(&self, after: Option<RunId>, limit: u32) -> Result<Vec<RunId>, StoreError> {
        let rows = self.rows();
        let later = rows.runs.keys().filter(|run| after.is_none_or(|after| **run > after));
        Ok(later.take(limit as usize).copied().collect())
    }

    async fn reproject(&self, projection: Projection) -> Result<(), StoreError> {
        self.rows().reproject(projection)
    }

    async fn keep_log(&self, log: LogRecord) -> Result<(), StoreError> {
        self.rows().keep_log(log)
    }

    async fn logs(&self, run: RunId, path: &StepPath) -> Result<Vec<LogRecord>, StoreError> {
        let rows = self.rows();
        let logs = rows.runs.get(&run).into_iter().flat_map(|history| history.logs.values());
        Ok(logs.filter(|log| log.path == *path).cloned().collect())
    }

    async fn finished(&self, filter: FinishedFilter, limit: u32) -> Result<Vec<FinishedRun>, StoreError> {
        Ok(self.rows().finished(filter, limit as usize))
    }

    async fn remove(&self, run: RunId) -> Result<bool, StoreError> {
        Ok(self.rows().remove(run))
    }

    async fn memo(&self, key: &MemoKey) -> Result<Option<MemoEntry>, StoreError> {
        Ok(self.rows().memos.get(key).cloned())
    }

    async fn forget_memo(&self, key: &MemoKey) -> Result<(), StoreError> {
        self.rows().forget_memo(key);
        Ok(())
    }

    async fn use_memo(&self, key: &MemoKey, at: Timestamp) -> Result<(), StoreError> {
        self.rows().use_memo(key, at);
        Ok(())
    }

    async fn idle_memos(
        &self,
        before: Timestamp,
        after: Option<&MemoKey>,
        limit: u32,
    ) -> Result<Vec<MemoKey>, StoreError> {
        Ok(self.rows().idle_memos(before, after, limit as usize))
    }
}

fn under_way(row: &RunRow) -> UnderWay {
    UnderWay {
        run: row.id,
        project: row.project,
        workflow: row.workflow.clone(),
        group: row.group.clone(),
        status: row.status,
    }
}
