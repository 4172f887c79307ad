//! A store that fails when a test says so.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engine_ports::{
    Commit, EffectRecord, EventRecord, FinishedFilter, FinishedRun, Lease, LogRecord, MemoEntry, MemoKey,
    NewRun, Page, Projection, Request, RunFilter, RunRow, RunStore, StepRow, StoreError, Term, UnderWay,
};
use serde_json::Value as Json;
use tokio::sync::watch;
use vocab::{Digest, ProjectId, RequestId, RunId, StepPath, TenantName, Timestamp, WorkerId};

/// What happens at a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process dies before it: nothing is written, now or later.
    DieBefore,
    /// The process dies after it: it is written, and nothing later.
    DieAfter,
    /// It fails, and nothing is written.
    FailBefore,
    /// It is written, and the caller sees a failure.
    FailAfter,
}

impl Fault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DieBefore => "die before",
            Self::DieAfter => "die after",
            Self::FailBefore => "refused",
            Self::FailAfter => "unclear",
        }
    }
}

/// A disk that takes its time, and a clock that somebody sets.
pub(crate) const SLOW: &str = "slow disk";
pub(crate) const CLOCK: &str = "clock";
pub(crate) const COLUMNS: [&str; 6] = ["die before", "die after", "refused", "unclear", SLOW, CLOCK];

/// How often an event of a kind met a fault.
pub(crate) type Met = BTreeMap<(String, &'static str), u64>;

pub(crate) struct Faulty {
    inner: Arc<dyn RunStore>,
    /// Outlives the process, as the rows do.
    met: Arc<Mutex<Met>>,
    clock_was_set: AtomicBool,
    writes: AtomicUsize,
    under_way: AtomicUsize,
    plan: Mutex<Option<(usize, Fault)>>,
    dead: Mutex<bool>,
    /// Number of the last write that goes through; the others wait.
    last: watch::Sender<usize>,
}

/// A write, until it ends or whoever waited for it goes.
struct Writing<'a>(&'a AtomicUsize);

impl<'a> Writing<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn RunStore>) -> Self {
        Self {
            inner,
            met: Arc::default(),
            clock_was_set: AtomicBool::new(false),
            writes: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            plan: Mutex::new(None),
            dead: Mutex::new(false),
            last: watch::Sender::new(usize::MAX),
        }
    }

    /// After `more` writes the others wait: a disk that takes its time.
    pub(crate) fn hold_after(&self, more: usize) {
        self.last.send_replace(self.writes() + more);
    }

    /// Writes go through again.
    pub(crate) fn let_go(&self) {
        self.last.send_replace(usize::MAX);
    }

    /// The process dies while writes wait: none of them is ever made.
    pub(crate) fn die(&self) {
        *self.dead.lock().unwrap() = true;
        self.let_go();
    }

    /// Writes so far.
    pub(crate) fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    /// The write number `at` (from 1, from now on) meets `fault`.
    pub(crate) fn plan(&self, at: usize, fault: Fault) {
        *self.plan.lock().unwrap() = Some((self.writes() + at, fault));
    }

    /// What was planned and has not come yet does not come.
    pub(crate) fn spare(&self) {
        *self.plan.lock().unwrap() = None;
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.dead.lock().unwrap()
    }

    /// Waits until no write is under way: a dead process has none.
    pub(crate) async fn quiet(&self) {
        while self.under_way.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    /// The same rows for the next process: what is left of this one, should anything be, stays dead.
    pub(crate) fn next(&self) -> Self {
        Self { met: Arc::clone(&self.met), ..Self::new(Arc::clone(&self.inner)) }
    }

    /// What met what so far.
    pub(crate) fn met(&self) -> Met {
        self.met.lock().unwrap().clone()
    }

    /// The next events are the first after somebody set the clock.
    pub(crate) fn clock_was_set(&self) {
        self.clock_was_set.store(true, Ordering::SeqCst);
    }

    fn note(&self, commit: &Commit, fault: &'static str) {
        let mut met = self.met.lock().unwrap();
        for event in &commit.events {
            *met.entry((event.kind.clone(), fault)).or_default() += 1;
        }
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.is_dead() { Err(StoreError::Closed) } else { Ok(()) }
    }

    async fn write<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.write_events(None, work).await
    }

    async fn write_events<T>(
        &self,
        events: Option<Commit>,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.alive()?;
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = self.plan.lock().unwrap().filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        let _under_way = Writing::begin(&self.under_way);
        let waits = number > *self.last.borrow();
        for commit in events.iter().filter(|commit| !commit.events.is_empty()) {
            if let Some(fault) = fault {
                self.note(commit, fault.name());
            }
            if waits {
                self.note(commit, SLOW);
            }
            if self.clock_was_set.swap(false, Ordering::SeqCst) {
                self.note(commit, CLOCK);
            }
        }
        // The sender is part of the store and so is still there.
        let _ = self.last.subscribe().wait_for(|last| number <= *last).await;
        self.alive()?;
        self.meet(fault, work).await
    }

    async fn meet<T>(
        &self,
        fault: Option<Fault>,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let failed = || StoreError::Database("the disk hiccups".to_owned());
        match fault {
            None => work.await,
            Some(Fault::FailBefore) => Err(failed()),
            Some(Fault::FailAfter) => work.await.and_then(|_| Err(failed())),
            Some(Fault::DieBefore) => {
                *self.dead.lock().unwrap() = true;
                Err(StoreError::Closed)
            }
            Some(Fault::DieAfter) => {
                let _ = work.await;
                *self.dead.lock().unwrap() = true;
                Err(StoreError::Closed)
            }
        }
    }
}

#[async_trait]
impl RunStore for Faulty {
    async fn create(&self, run: NewRun) -> Result<RunId, StoreError> {
        self.write_events(Some(run.commit.clone()), self.inner.create(run)).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.write_events(Some(commit.clone()), self.inner.commit(commit)).await
    }

    async fn events(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<EventRecord>, StoreError> {
        self.alive()?;
        self.inner.events(run, after, limit).await
    }

    async fn plan(&self, digest: &Digest) -> Result<Json, StoreError> {
        self.alive()?;
        self.inner.plan(digest).await
    }

    async fn unfinished(&self) -> Result<Vec<RunId>, StoreError> {
        self.alive()?;
        self.inner.unfinished().await
    }

    async fn run(&self, tenant: &TenantName, run: RunId) -> Result<Option<RunRow>, StoreError> {
        self.inner.run(tenant, run).await
    }

    async fn run_any_tenant(&self, run: RunId) -> Result<Option<RunRow>, StoreError> {
        self.alive()?;
        self.inner.run_any_tenant(run).await
    }

    async fn runs(
        &self,
        tenant: &TenantName,
        filter: RunFilter,
        limit: u32,
    ) -> Result<Page<RunRow>, StoreError> {
        self.inner.runs(tenant, filter, limit).await
    }

    async fn steps(&self, run: RunId) -> Result<Vec<StepRow>, StoreError> {
        self.inner.steps(run).await
    }

    async fn under_way(&self, tenant: &TenantName) -> Result<Vec<UnderWay>, StoreError> {
        self.alive()?;
        self.inner.under_way(tenant).await
    }

    async fn queueing(&self) -> Result<Vec<TenantName>, StoreError> {
        self.alive()?;
        self.inner.queueing().await
    }

    async fn started_by(
        &self,
        tenant: &TenantName,
        project: Option<ProjectId>,
        origin: &(String, String),
    ) -> Result<Option<RunId>, StoreError> {
        self.alive()?;
        self.inner.started_by(tenant, project, origin).await
    }

    async fn effects(&self, run: RunId) -> Result<Vec<EffectRecord>, StoreError> {
        self.inner.effects(run).await
    }

    async fn stuck_effects(&self) -> Result<u64, StoreError> {
        self.inner.stuck_effects().await
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.inner.leases().await
    }

    async fn renew(
        &self,
        worker: WorkerId,
        until: Timestamp,
    ) -> Result<Vec<(RunId, StepPath, u64)>, StoreError> {
        self.alive()?;
        self.inner.renew(worker, until).await
    }

    async fn claim(&self, worker: WorkerId, term: Term, limit: u32) -> Result<Vec<RunId>, StoreError> {
        self.write(self.inner.claim(worker, term, limit)).await
    }

    async fn claim_run(&self, worker: WorkerId, term: Term, run: RunId) -> Result<bool, StoreError> {
        self.write(self.inner.claim_run(worker, term, run)).await
    }

    async fn post(&self, request: Request) -> Result<(), StoreError> {
        self.write(self.inner.post(request)).await
    }

    async fn requests(&self, worker: WorkerId, limit: u32) -> Result<Vec<Request>, StoreError> {
        self.alive()?;
        self.inner.requests(worker, limit).await
    }

    async fn take_answer(&self, request: RequestId) -> Result<Option<Json>, StoreError> {
        self.write(self.inner.take_answer(request)).await
    }

    async fn forget_answers(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(self.inner.forget_answers(before)).await
    }

    async fn renew_claims(&self, worker: WorkerId, term: Term) -> Result<Vec<RunId>, StoreError> {
        self.write(self.inner.renew_claims(worker, term)).await
    }

    async fn release_claim(&self, worker: WorkerId, run: RunId) -> Result<bool, StoreError> {
        self.write(self.inner.release_claim(worker, run)).await
    }

    async fn run_ids(&self, after: Option<RunId>, limit: u32) -> Result<Vec<RunId>, StoreError> {
        self.alive()?;
        self.inner.run_ids(after, limit).await
    }

    async fn reproject(&self, projection: Projection) -> Result<(), StoreError> {
        self.write(self.inner.reproject(projection)).await
    }

    async fn keep_log(&self, log: LogRecord) -> Result<(), StoreError> {
        self.write(self.inner.keep_log(log)).await
    }

    async fn logs(&self, run: RunId, path: &StepPath) -> Result<Vec<LogRecord>, StoreError> {
        self.alive()?;
        self.inner.logs(run, path).await
    }

    async fn finished(&self, filter: FinishedFilter, limit: u32) -> Result<Vec<FinishedRun>, StoreError> {
        self.alive()?;
        self.inner.finished(filter, limit).await
    }

    async fn remove(&self, run: RunId) -> Result<bool, StoreError> {
        self.write(self.inner.remove(run)).await
    }

    async fn memo(&self, key: &MemoKey) -> Result<Option<MemoEntry>, StoreError> {
        self.alive()?;
        self.inner.memo(key).await
    }

    async fn forget_memo(&self, key: &MemoKey) -> Result<(), StoreError> {
        self.alive()?;
        self.inner.forget_memo(key).await
    }

    async fn use_memo(&self, key: &MemoKey, at: Timestamp) -> Result<(), StoreError> {
        self.write(self.inner.use_memo(key, at)).await
    }

    async fn idle_memos(
        &self,
        before: Timestamp,
        after: Option<&MemoKey>,
        limit: u32,
    ) -> Result<Vec<MemoKey>, StoreError> {
        self.alive()?;
        self.inner.idle_memos(before, after, limit).await
    }
}
