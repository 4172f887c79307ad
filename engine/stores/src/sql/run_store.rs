//! Runs: a commit is one transaction, whichever the database.

use async_trait::async_trait;
use engine_ports::{
    Claim, Commit, EffectRecord, EventRecord, FinishedFilter, FinishedRun, Lease, LogRecord, MemoEntry,
    MemoKey, NewRun, Page, Projection, Request, RunFilter, RunRow, RunStore, StepRow, StoreError, Term,
    UnderWay,
};
use serde_json::Value as Json;
use vocab::{Digest, ProjectId, RequestId, RunId, StepPath, TenantName, Timestamp, WorkerId};

use super::{
    claims, effects, events, leases, logs, memo_use, memos, origins, plans, requests, retention, room, runs,
    steps,
};
use crate::commit::{check, check_new};
use crate::dialect::{Connection, Failure, SqlDatabase};

/// Runs on SQLite or PostgreSQL.
#[derive(Clone)]
pub struct SqlRunStore {
    database: SqlDatabase,
}

impl SqlRunStore {
    /// A store on an open database. The database stays its opener's to close.
    pub fn new(database: impl Into<SqlDatabase>) -> Self {
        Self { database: database.into() }
    }
}

/// Writes everything of a commit besides the run's own row.
async fn write_rows(connection: &mut Connection<'_>, commit: &Commit) -> Result<(), Failure> {
    // First what may be refused, so that a fenced attempt costs nothing.
    leases::change(connection, commit).await?;
    events::append(connection, &commit.run, &commit.events).await?;
    steps::put(connection, &commit.run, &commit.steps).await?;
    effects::put(connection, &commit.run, &commit.effects).await?;
    requests::answer(connection, &commit.answers).await?;
    memos::keep(connection, &commit.memos).await
}

async fn create(connection: &mut Connection<'_>, new: &NewRun) -> Result<RunId, Failure> {
    let run = &new.commit.run;
    if let Some(origin) = &new.origin
        && let Some(earlier) = origins::find(&mut *connection, &run.tenant, run.project, origin).await?
    {
        return Ok(earlier);
    }
    plans::keep(connection, &run.tenant, &run.plan, &new.plan).await?;
    runs::insert(connection, run).await?;
    if let Some(origin) = &new.origin
        && !origins::insert(connection, run, origin).await?
    {
        return Err(Failure::Overtaken);
    }
    if let Some(claim) = new.commit.claim {
        claims::take_one(connection, claim, run.id).await?;
    }
    write_rows(connection, &new.commit).await?;
    Ok(run.id)
}

async fn reproject(connection: &mut Connection<'_>, projection: &Projection) -> Result<(), Failure> {
    let Projection { run, steps: rows, effects: records } = projection;
    runs::replace(connection, run).await?;
    steps::remove(connection, run.id).await?;
    steps::put(connection, run, rows).await?;
    effects::remove(connection, run.id).await?;
    effects::put(connection, run, records).await
}

async fn append(connection: &mut Connection<'_>, commit: &Commit) -> Result<(), Failure> {
    runs::advance(connection, &commit.run, commit.expected_seq).await?;
    claims::check(connection, commit.claim, commit.run.id).await?;
    write_rows(connection, commit).await
}

#[async_trait]
impl RunStore for SqlRunStore {
    async fn create(&self, new: NewRun) -> Result<RunId, StoreError> {
        check_new(&new)?;
        let asked = new.origin.clone().map(|origin| (new.commit.run.clone(), origin));
        let job = self.database.write(move |mut c| Box::pin(async move { create(&mut c, &new).await }));
        let created = match (job.await, asked) {
            // What this call had written is rolled back; the other's run is there by now.
            (Err(Failure::Overtaken), Some((run, origin))) => {
                let earlier = origins::find(self.database.reads(), &run.tenant, run.project, &origin).await;
                earlier.and_then(|earlier| earlier.ok_or(Failure::Overtaken))
            }
            (created, _) => created,
        };
        self.database.explain(created)
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        check(&commit)?;
        let job = self.database.write(move |mut c| Box::pin(async move { append(&mut c, &commit).await }));
        self.database.explain(job.await)
    }

    async fn events(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<EventRecord>, StoreError> {
        self.database.explain(events::after(self.database.reads(), run, after, limit).await)
    }

    async fn plan(&self, digest: &Digest) -> Result<Json, StoreError> {
        self.database.explain(plans::by_digest(self.database.reads(), digest).await)
    }

    async fn unfinished(&self) -> Result<Vec<RunId>, StoreError> {
        self.database.explain(runs::unfinished(self.database.reads()).await)
    }

    async fn run(&self, tenant: &TenantName, run: RunId) -> Result<Option<RunRow>, StoreError> {
        Ok(self.run_any_tenant(run).await?.filter(|row| row.tenant == *tenant))
    }

    async fn run_any_tenant(&self, run: RunId) -> Result<Option<RunRow>, StoreError> {
        self.database.explain(runs::by_id(self.database.reads(), run).await)
    }

    async fn runs(
        &self,
        tenant: &TenantName,
        filter: RunFilter,
        limit: u32,
    ) -> Result<Page<RunRow>, StoreError> {
        self.database.explain(runs::list(self.database.reads(), tenant, &filter, limit).await)
    }

    async fn under_way(&self, tenant: &TenantName) -> Result<Vec<UnderWay>, StoreError> {
        self.database.explain(room::under_way(self.database.reads(), tenant).await)
    }

    async fn queueing(&self) -> Result<Vec<TenantName>, StoreError> {
        self.database.explain(room::queueing(self.database.reads()).await)
    }

    async fn started_by(
        &self,
        tenant: &TenantName,
        project: Option<ProjectId>,
        origin: &(String, String),
    ) -> Result<Option<RunId>, StoreError> {
        self.database.explain(origins::find(self.database.reads(), tenant, project, origin).await)
    }

    async fn steps(&self, run: RunId) -> Result<Vec<StepRow>, StoreError> {
        self.database.explain(steps::of_run(self.database.reads(), run).await)
    }

    async fn effects(&self, run: RunId) -> Result<Vec<EffectRecord>, StoreError> {
        self.database.explain(effects::of_run(self.database.reads(), run).await)
    }

    async fn stuck_effects(&self) -> Result<u64, StoreError> {
        self.database.explain(effects::stuck(self.database.reads()).await)
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.database.explain(leases::all(self.database.reads()).await)
    }

    async fn renew(
        &self,
        worker: WorkerId,
        until: Timestamp,
    ) -> Result<Vec<(RunId, StepPath, u64)>, StoreError> {
        let job = self
            .database
            .write(move |mut c| Box::pin(async move { leases::renew(&mut c, worker, until).await }));
        self.database.explain(job.await)
    }

    async fn claim(&self, worker: WorkerId, term: Term, limit: u32) -> Result<Vec<RunId>, StoreError> {
        let job = self
            .database
            .write(move |mut c| Box::pin(async move { claims::take(&mut c, worker, term, limit).await }));
        self.database.explain(job.await)
    }

    async fn claim_run(&self, worker: WorkerId, term: Term, run: RunId) -> Result<bool, StoreError> {
        let claim = Claim { worker, term };
        let job = self
            .database
            .write(move |mut c| Box::pin(async move { claims::take_one(&mut c, claim, run).await }));
        self.database.explain(job.await)
    }

    async fn renew_claims(&self, worker: WorkerId, term: Term) -> Result<Vec<RunId>, StoreError> {
        let job = self
            .database
            .write(move |mut c| Box::pin(async move { claims::renew(&mut c, worker, term).await }));
        self.database.explain(job.await)
    }

    async fn release_claim(&self, worker: WorkerId, run: RunId) -> Result<bool, StoreError> {
        let job = self
            .database
            .write(move |mut c| Box::pin(async move { claims::release(&mut c, worker, run).await }));
        self.database.explain(job.await)
    }

    async fn post(&self, request: Request) -> Result<(), StoreError> {
        let job =
            self.database.write(move |mut c| Box::pin(async move { requests::post(&mut c, &request).await }));
        self.database.explain(job.await)
    }

    async fn requests(&self, worker: WorkerId, limit: u32) -> Result<Vec<Request>, StoreError> {
        self.database.explain(requests::open(self.database.reads(), worker, limit).await)
    }

    async fn take_answer(&self, request: RequestId) -> Result<Option<Json>, StoreError> {
        let job =
            self.database.write(move |mut c| Box::pin(async move { requests::take(&mut c, request).await }));
        self.database.explain(job.await)
    }

    async fn forget_answers(&self, before: Timestamp) -> Result<u64, StoreError> {
        let job =
            self.database.write(move |mut c| Box::pin(async move { requests::forget(&mut c, before).await }));
        self.database.explain(job.await)
    }

    async fn run_ids(&self, after: Option<RunId>, limit: u32) -> Result<Vec<RunId>, StoreError> {
        self.database.explain(runs::ids(self.database.reads(), after, limit).await)
    }

    async fn reproject(&self, projection: Projection) -> Result<(), StoreError> {
        let job =
            self.database.write(move |mut c| Box::pin(async move { reproject(&mut c, &projection).await }));
        self.database.explain(job.await)
    }

    async fn keep_log(&self, log: LogRecord) -> Result<(), StoreError> {
        let job = self.database.write(move |mut c| Box::pin(async move { logs::keep(&mut c, &log).await }));
        self.database.explain(job.await)
    }

    async fn logs(&self, run: RunId, path: &StepPath) -> Result<Vec<LogRecord>, StoreError> {
        self.database.explain(logs::of_step(self.database.reads(), run, path).await)
    }

    async fn finished(&self, filter: FinishedFilter, limit: u32) -> Result<Vec<FinishedRun>, StoreError> {
        self.database.explain(retention::finished(self.database.reads(), &filter, limit).await)
    }

    async fn remove(&self, run: RunId) -> Result<bool, StoreError> {
        let job =
            self.database.write(move |mut c| Box::pin(async move { retention::remove(&mut c, run).await }));
        self.database.explain(job.await)
    }

    async fn memo(&self, key: &MemoKey) -> Result<Option<MemoEntry>, StoreError> {
        self.database.explain(memos::find(self.database.reads(), key).await)
    }

    async fn forget_memo(&self, key: &MemoKey) -> Result<(), StoreError> {
        let key = key.clone();
        let job =
            self.database.write(move |mut c| Box::pin(async move { memos::forget(&mut c, &key).await }));
        self.database.explain(job.await)
    }

    async fn use_memo(&self, key: &MemoKey, at: Timestamp) -> Result<(), StoreError> {
        let key = key.clone();
        let job =
            self.database.write(move |mut c| Box::pin(async move { memo_use::used(&mut c, &key, at).await }));
        self.database.explain(job.await)
    }

    async fn idle_memos(
        &self,
        before: Timestamp,
        after: Option<&MemoKey>,
        limit: u32,
    ) -> Result<Vec<MemoKey>, StoreError> {
        self.database.explain(memo_use::idle(self.database.reads(), before, after, limit).await)
    }
}
