//! A store of runs whose rows stay small.

use std::sync::Arc;

use async_trait::async_trait;
use engine_ports::{
    ArtifactStore, Commit, EffectRecord, EventRecord, FinishedFilter, FinishedRun, HoldOwner, Lease,
    LogRecord, MemoEntry, MemoKey, NewRun, Page, Projection, Request, RunFilter, RunRow, RunStore, StepRow,
    StoreError, Term, UnderWay,
};
use serde_json::Value as Json;
use vocab::{Digest, Limits, ProjectId, RequestId, RunId, StepPath, TenantName, Timestamp, WorkerId};

use super::content::Content;

/// Bytes of large values that one page may bring back.
const PAGE_BYTES: u64 = 4 * 1024 * 1024;

/// Keeps payloads and outputs above the limit `event_bytes` in the content store, and everything else where `rows`
/// keeps it. The run holds what belongs to it, and the entry of the cache what belongs to that.
pub struct LargeValues {
    rows: Arc<dyn RunStore>,
    content: Content,
}

impl LargeValues {
    /// Over `rows`, with room for what is large in `artifacts`.
    pub fn new(rows: Arc<dyn RunStore>, artifacts: Arc<dyn ArtifactStore>, limits: &Limits) -> Self {
        Self { rows, content: Content { artifacts, most: limits.event_bytes } }
    }

    /// Large values of a commit leave it. They are durable and held before the rows that name them are.
    async fn out(&self, commit: &mut Commit) -> Result<(), StoreError> {
        let run = HoldOwner::Run(commit.run.id);
        for event in &mut commit.events {
            self.content.payload_out(&run, &mut event.payload).await?;
        }
        for step in &mut commit.steps {
            self.content.outputs_out(&run, &mut step.outputs).await?;
        }
        for memo in &mut commit.memos {
            let owner = HoldOwner::Memo(memo.key.clone());
            self.content.outputs_out(&owner, &mut memo.outputs).await?;
        }
        // What another run handed to this one can be as large as what a step gives.
        self.content.outputs_out(&run, &mut commit.run.inputs).await?;
        self.content.outputs_out(&run, &mut commit.run.outputs).await
    }

    /// Brings back what is large in a run's row; how many bytes that were.
    async fn run_back(&self, row: &mut RunRow) -> Result<u64, StoreError> {
        let place = format!("runs {}", row.id);
        let inputs = self.content.outputs_back(&place, &mut row.inputs).await?;
        Ok(inputs + self.content.outputs_back(&place, &mut row.outputs).await?)
    }
}

#[async_trait]
impl RunStore for LargeValues {
    async fn create(&self, mut run: NewRun) -> Result<RunId, StoreError> {
        self.out(&mut run.commit).await?;
        self.rows.create(run).await
    }

    async fn commit(&self, mut commit: Commit) -> Result<(), StoreError> {
        self.out(&mut commit).await?;
        self.rows.commit(commit).await
    }

    async fn events(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<EventRecord>, StoreError> {
        let mut events = self.rows.events(run, after, limit).await?;
        let mut taken = 0;
        for number in 0..events.len() {
            let event = &mut events[number];
            let row = format!("events {run}/{}", event.seq);
            taken += self.content.payload_back(&row, &mut event.payload).await?;
            if taken > PAGE_BYTES {
                events.truncate(number + 1);
                break;
            }
        }
        Ok(events)
    }

    async fn run(&self, tenant: &TenantName, run: RunId) -> Result<Option<RunRow>, StoreError> {
        let mut row = self.rows.run(tenant, run).await?;
        if let Some(row) = &mut row {
            self.run_back(row).await?;
        }
        Ok(row)
    }

    async fn run_any_tenant(&self, run: RunId) -> Result<Option<RunRow>, StoreError> {
        let mut row = self.rows.run_any_tenant(run).await?;
        if let Some(row) = &mut row {
            self.run_back(row).await?;
        }
        Ok(row)
    }

    async fn runs(
        &self,
        tenant: &TenantName,
        filter: RunFilter,
        limit: u32,
    ) -> Result<Page<RunRow>, StoreError> {
        let mut page = self.rows.runs(tenant, filter, limit).await?;
        let mut taken = 0;
        for number in 0..page.items.len() {
            taken += self.run_back(&mut page.items[number]).await?;
            if taken > PAGE_BYTES && number + 1 < page.items.len() {
                page.items.truncate(number + 1);
                page.more = true;
                break;
            }
        }
        Ok(page)
    }

    async fn steps(&self, run: RunId) -> Result<Vec<StepRow>, StoreError> {
        let mut steps = self.rows.steps(run).await?;
        for step in &mut steps {
            let row = format!("steps {run}/{}", step.path);
            self.content.outputs_back(&row, &mut step.outputs).await?;
        }
        Ok(steps)
    }

    async fn memo(&self, key: &MemoKey) -> Result<Option<MemoEntry>, StoreError> {
        let mut entry = self.rows.memo(key).await?;
        if let Some(entry) = &mut entry {
            self.content.outputs_back(&format!("memos {}", key.digest), &mut entry.outputs).await?;
        }
        Ok(entry)
    }

    async fn plan(&self, digest: &Digest) -> Result<Json, StoreError> {
        self.rows.plan(digest).await
    }

    async fn unfinished(&self) -> Result<Vec<RunId>, StoreError> {
        self.rows.unfinished().await
    }

    async fn under_way(&self, tenant: &TenantName) -> Result<Vec<UnderWay>, StoreError> {
        self.rows.under_way(tenant).await
    }

    async fn queueing(&self) -> Result<Vec<TenantName>, StoreError> {
        self.rows.queueing().await
    }

    async fn started_by(
        &self,
        tenant: &TenantName,
        project: Option<ProjectId>,
        origin: &(String, String),
    ) -> Result<Option<RunId>, StoreError> {
        self.rows.started_by(tenant, project, origin).await
    }

    async fn effects(&self, run: RunId) -> Result<Vec<EffectRecord>, StoreError> {
        self.rows.effects(run).await
    }

    async fn stuck_effects(&self) -> Result<u64, StoreError> {
        self.rows.stuck_effects().await
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.rows.leases().await
    }

    async fn renew(
        &self,
        worker: WorkerId,
        until: Timestamp,
    ) -> Result<Vec<(RunId, StepPath, u64)>, StoreError> {
        self.rows.renew(worker, until).await
    }

    async fn claim(&self, worker: WorkerId, term: Term, limit: u32) -> Result<Vec<RunId>, StoreError> {
        self.rows.claim(worker, term, limit).await
    }

    async fn claim_run(&self, worker: WorkerId, term: Term, run: RunId) -> Result<bool, StoreError> {
        self.rows.claim_run(worker, term, run).await
    }

    async fn post(&self, request: Request) -> Result<(), StoreError> {
        self.rows.post(request).await
    }

    async fn requests(&self, worker: WorkerId, limit: u32) -> Result<Vec<Request>, StoreError> {
        self.rows.requests(worker, limit).await
    }

    async fn take_answer(&self, request: RequestId) -> Result<Option<Json>, StoreError> {
        self.rows.take_answer(request).await
    }

    async fn forget_answers(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.rows.forget_answers(before).await
    }

    async fn renew_claims(&self, worker: WorkerId, term: Term) -> Result<Vec<RunId>, StoreError> {
        self.rows.renew_claims(worker, term).await
    }

    async fn release_claim(&self, worker: WorkerId, run: RunId) -> Result<bool, StoreError> {
        self.rows.release_claim(worker, run).await
    }

    async fn run_ids(&self, after: Option<RunId>, limit: u32) -> Result<Vec<RunId>, StoreError> {
        self.rows.run_ids(after, limit).await
    }

    async fn reproject(&self, mut projection: Projection) -> Result<(), StoreError> {
        let owner = HoldOwner::Run(projection.run.id);
        for step in &mut projection.steps {
            self.content.outputs_out(&owner, &mut step.outputs).await?;
        }
        self.content.outputs_out(&owner, &mut projection.run.inputs).await?;
        self.content.outputs_out(&owner, &mut projection.run.outputs).await?;
        self.rows.reproject(projection).await
    }

    async fn keep_log(&self, log: LogRecord) -> Result<(), StoreError> {
        self.rows.keep_log(log).await
    }

    async fn logs(&self, run: RunId, path: &StepPath) -> Result<Vec<LogRecord>, StoreError> {
        self.rows.logs(run, path).await
    }

    async fn finished(&self, filter: FinishedFilter, limit: u32) -> Result<Vec<FinishedRun>, StoreError> {
        self.rows.finished(filter, limit).await
    }

    async fn remove(&self, run: RunId) -> Result<bool, StoreError> {
        self.rows.remove(run).await
    }

    async fn forget_memo(&self, key: &MemoKey) -> Result<(), StoreError> {
        self.rows.forget_memo(key).await
    }

    async fn use_memo(&self, key: &MemoKey, at: Timestamp) -> Result<(), StoreError> {
        self.rows.use_memo(key, at).await
    }

    async fn idle_memos(
        &self,
        before: Timestamp,
        after: Option<&MemoKey>,
        limit: u32,
    ) -> Result<Vec<MemoKey>, StoreError> {
        self.rows.idle_memos(before, after, limit).await
    }
}
