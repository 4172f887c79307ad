//! The run store on SQLite: a commit is one job of the writer, and so one transaction.

use async_trait::async_trait;
use engine_ports::{
    Commit, EffectRecord, EventRecord, FinishedFilter, FinishedRun, Lease, LogRecord, MemoEntry, MemoKey,
    NewRun, Page, RunFilter, RunRow, RunStore, StepRow, StoreError,
};
use migrations::Database;
use serde_json::Value as Json;
use vocab::{Digest, RunId, StepPath, TenantName, Timestamp, WorkerId};

use super::{effects, events, leases, logs, memo_use, memos, origins, plans, retention, runs, steps};
use crate::commit::{check, check_new};
use crate::dialect::sqlite::{Connection, Failure};

/// Runs in a database of [`migrations::Schema::Engine`].
#[derive(Clone)]
pub struct SqliteRunStore {
    database: Database,
}

impl SqliteRunStore {
    /// A store on an open database. The database stays its opener's to close.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }

    fn explain<T>(&self, result: Result<T, Failure>) -> Result<T, StoreError> {
        result.map_err(|failure| failure.explain(&self.database))
    }
}

/// Writes everything of a commit besides the run's own row.
async fn write_rows(connection: &mut Connection, commit: &Commit) -> Result<(), Failure> {
    // First what may be refused, so that a fenced attempt costs nothing.
    leases::change(connection, commit).await?;
    events::append(connection, &commit.run, &commit.events).await?;
    steps::put(connection, &commit.run, &commit.steps).await?;
    effects::put(connection, &commit.run, &commit.effects).await?;
    memos::keep(connection, &commit.memos).await
}

async fn create(connection: &mut Connection, new: &NewRun) -> Result<RunId, Failure> {
    let run = &new.commit.run;
    if let Some(origin) = &new.origin
        && let Some(earlier) = origins::find(connection, run, origin).await?
    {
        return Ok(earlier);
    }
    plans::keep(connection, &run.tenant, &run.plan, &new.plan).await?;
    runs::insert(connection, run).await?;
    if let Some(origin) = &new.origin {
        origins::insert(connection, run, origin).await?;
    }
    write_rows(connection, &new.commit).await?;
    Ok(run.id)
}

async fn append(connection: &mut Connection, commit: &Commit) -> Result<(), Failure> {
    runs::advance(connection, &commit.run, commit.expected_seq).await?;
    write_rows(connection, commit).await
}

#[async_trait]
impl RunStore for SqliteRunStore {
    async fn create(&self, new: NewRun) -> Result<RunId, StoreError> {
        check_new(&new)?;
        let job = self.database.write(move |c| Box::pin(async move { create(c, &new).await }));
        self.explain(job.await)
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        check(&commit)?;
        let job = self.database.write(move |c| Box::pin(async move { append(c, &commit).await }));
        self.explain(job.await)
    }

    async fn events(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<EventRecord>, StoreError> {
        self.explain(events::after(self.database.reads(), run, after, limit).await)
    }

    async fn plan(&self, digest: &Digest) -> Result<Json, StoreError> {
        self.explain(plans::by_digest(self.database.reads(), digest).await)
    }

    async fn unfinished(&self) -> Result<Vec<RunId>, StoreError> {
        self.explain(runs::unfinished(self.database.reads()).await)
    }

    async fn run(&self, tenant: &TenantName, run: RunId) -> Result<Option<RunRow>, StoreError> {
        Ok(self.run_any_tenant(run).await?.filter(|row| row.tenant == *tenant))
    }

    async fn run_any_tenant(&self, run: RunId) -> Result<Option<RunRow>, StoreError> {
        self.explain(runs::by_id(self.database.reads(), run).await)
    }

    async fn runs(
        &self,
        tenant: &TenantName,
        filter: RunFilter,
        limit: u32,
    ) -> Result<Page<RunRow>, StoreError> {
        self.explain(runs::list(self.database.reads(), tenant, &filter, limit).await)
    }

    async fn steps(&self, run: RunId) -> Result<Vec<StepRow>, StoreError> {
        self.explain(steps::of_run(self.database.reads(), run).await)
    }

    async fn effects(&self, run: RunId) -> Result<Vec<EffectRecord>, StoreError> {
        self.explain(effects::of_run(self.database.reads(), run).await)
    }

    async fn stuck_effects(&self) -> Result<u64, StoreError> {
        self.explain(effects::stuck(self.database.reads()).await)
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.explain(leases::all(self.database.reads()).await)
    }

    async fn renew(
        &self,
        worker: WorkerId,
        until: Timestamp,
    ) -> Result<Vec<(RunId, StepPath, u64)>, StoreError> {
        let job =
            self.database.write(move |c| Box::pin(async move { leases::renew(c, worker, until).await }));
        self.explain(job.await)
    }

    async fn keep_log(&self, log: LogRecord) -> Result<(), StoreError> {
        let job = self.database.write(move |c| Box::pin(async move { logs::keep(c, &log).await }));
        self.explain(job.await)
    }

    async fn logs(&self, run: RunId, path: &StepPath) -> Result<Vec<LogRecord>, StoreError> {
        self.explain(logs::of_step(self.database.reads(), run, path).await)
    }

    async fn finished(&self, filter: FinishedFilter, limit: u32) -> Result<Vec<FinishedRun>, StoreError> {
        self.explain(retention::finished(self.database.reads(), &filter, limit).await)
    }

    async fn remove(&self, run: RunId) -> Result<bool, StoreError> {
        let job = self.database.write(move |c| Box::pin(async move { retention::remove(c, run).await }));
        self.explain(job.await)
    }

    async fn memo(&self, key: &MemoKey) -> Result<Option<MemoEntry>, StoreError> {
        self.explain(memos::find(self.database.reads(), key).await)
    }

    async fn forget_memo(&self, key: &MemoKey) -> Result<(), StoreError> {
        let key = key.clone();
        let job = self.database.write(move |c| Box::pin(async move { memos::forget(c, &key).await }));
        self.explain(job.await)
    }

    async fn use_memo(&self, key: &MemoKey, at: Timestamp) -> Result<(), StoreError> {
        let key = key.clone();
        let job = self.database.write(move |c| Box::pin(async move { memo_use::used(c, &key, at).await }));
        self.explain(job.await)
    }

    async fn idle_memos(
        &self,
        before: Timestamp,
        after: Option<&MemoKey>,
        limit: u32,
    ) -> Result<Vec<MemoKey>, StoreError> {
        self.explain(memo_use::idle(self.database.reads(), before, after, limit).await)
    }
}
