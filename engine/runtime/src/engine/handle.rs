//! What can be asked of a running engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine_core::plan::Plan;
use engine_core::run::{Decided, RunLimits};
use engine_ports::{Progress, RunRow, SecretStore, StoreError};
use tokio::sync::broadcast;
use vocab::{RunId, StepPath, TenantName, Value};

use super::{AskError, Decision, Submission, SubmitError, Vote};
use super::{admit, submit};
use crate::actions::ActionSet;
use crate::claims;
use crate::dispatch::SlotsStatus;
use crate::driver::{self, Ask, FirstWords, NewRun};
use crate::logs::Logs;
use crate::room::Waits;
use crate::shared::Shared;

/// How often the store is asked about a run for which no notice came.
const ASK_PAUSE: Duration = Duration::from_secs(1);
/// Time beyond the tools' grace that stopped attempts get to end.
const STOP_ROOM: Duration = Duration::from_secs(40);

/// How an engine is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// Room for attempts, who waits for it, and why nothing starts, where that is so.
    pub slots: SlotsStatus,
    /// Runs in memory; others wait in the store for a time.
    pub runs_in_memory: usize,
    /// Whether it shuts down.
    pub closing: bool,
}

/// A running engine. Dropping it without [`Engine::shutdown`] stops it as a crash would: nothing more is written.
pub struct Engine {
    pub(super) shared: Arc<Shared>,
    closing: AtomicBool,
}

impl Engine {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, closing: AtomicBool::new(false) }
    }

    /// Starts a run: durable, its first attempts granted where there is room, when this returns.
    ///
    /// With an `origin` that started a run before, that run's id.
    pub async fn submit(&self, submission: Submission) -> Result<RunId, SubmitError> {
        let Submission {
            tenant,
            project,
            workflow,
            workflows,
            inputs,
            trigger,
            source,
            trust_host,
            cache_scope,
            origin,
        } = submission;
        let inputs = workflow.resolve_inputs(inputs).map_err(SubmitError::Inputs)?;
        let plan = Plan::of(&workflow, &workflows, self.shared.actions.catalogue())?;
        let trigger = driver::trigger(&trigger, source.as_ref(), trust_host, cache_scope.as_deref());
        let run = self.id();
        self.create(NewRun {
            run,
            tenant,
            project,
            plan,
            inputs,
            trigger,
            parent: None,
            origin,
            taken: Vec::new(),
        })
        .await
    }

    /// The secrets that steps are given by name.
    pub fn secrets(&self) -> &dyn SecretStore {
        self.shared.services.secrets.as_ref()
    }

    pub(super) async fn create(&self, new: NewRun) -> Result<RunId, SubmitError> {
        if self.is_closing() {
            return Err(SubmitError::Closing);
        }
        let shared = &self.shared;
        admit::bounded(&RunLimits::from(&shared.limits), &new.inputs, &new.trigger)?;
        let mut first = FirstWords::of(new, &shared.limits, shared.clock.now())?;
        first.join_group()?;
        if shared.turns.concerns(&first.row) {
            return submit::in_turn(shared, first).await;
        }
        submit::begin(shared, first).await
    }

    /// A new run's id.
    pub(super) fn id(&self) -> RunId {
        RunId::generate(self.shared.ids.as_ref())
    }

    /// What the queued runs of a tenant wait for.
    pub async fn waiting(&self, tenant: &TenantName) -> Result<BTreeMap<RunId, Waits>, StoreError> {
        Ok(self.shared.turns.sharing(&self.shared, tenant).await?.waits)
    }

    /// Asks a run to end: its attempts stop, its effects are undone. Durable when this returns.
    pub async fn cancel(
        &self,
        tenant: &TenantName,
        run: RunId,
        by: &str,
        reason: Option<String>,
    ) -> Result<(), AskError> {
        let row = self.row(tenant, run).await?;
        if row.status.is_terminal() {
            return Err(AskError::TooLate(format!("run {run} has ended: {}", row.status)));
        }
        self.ask(tenant, run, Ask::Cancel { by: by.to_owned(), reason }).await.map(drop)
    }

    /// Tries once more to undo the stuck effects of a run; gives their number.
    pub async fn retry_undo(&self, tenant: &TenantName, run: RunId, by: &str) -> Result<usize, AskError> {
        self.row(tenant, run).await?;
        self.ask(tenant, run, Ask::RetryUndo { by: by.to_owned() }).await
    }

    /// Takes what a person decided about a run or a paused step of it. Durable when this returns.
    pub async fn decide(
        &self,
        tenant: &TenantName,
        run: RunId,
        decision: Decision,
        decided: Decided,
    ) -> Result<(), AskError> {
        self.row(tenant, run).await?;
        self.ask(tenant, run, Ask::Decide { decision, decided }).await.map(drop)
    }

    /// Tells the steps of a run which wait for it that something happened; how many did. Durable when this returns.
    pub async fn signal(
        &self,
        tenant: &TenantName,
        run: RunId,
        name: &str,
        payload: Value,
        by: &str,
    ) -> Result<usize, AskError> {
        self.row(tenant, run).await?;
        let (name, by) = (name.to_owned(), by.to_owned());
        self.ask(tenant, run, Ask::Signal { name, payload, by }).await
    }

    /// Takes what a person says to a step that asks. Durable when this returns.
    pub async fn vote(&self, tenant: &TenantName, run: RunId, vote: Vote) -> Result<(), AskError> {
        self.row(tenant, run).await?;
        self.ask(tenant, run, Ask::Vote(vote)).await.map(drop)
    }

    async fn ask(&self, tenant: &TenantName, run: RunId, ask: Ask) -> Result<usize, AskError> {
        match self.shared.ask(tenant, run, ask).await {
            Ok(told) => told.map_err(AskError::from),
            Err(_) if self.is_closing() => Err(AskError::Closing),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn row(&self, tenant: &TenantName, run: RunId) -> Result<RunRow, AskError> {
        self.shared.store.run(tenant, run).await?.ok_or(AskError::Missing(run))
    }

    /// Waits for the end of a run; gives its row. Ends early, with the row as it is, when the engine stops.
    pub async fn wait(&self, run: RunId) -> Result<RunRow, AskError> {
        let mut notices = self.shared.bus.subscribe();
        loop {
            let row = self.shared.store.run_any_tenant(run).await?.ok_or(AskError::Missing(run))?;
            if row.status.is_terminal() || self.shared.stopped.is_cancelled() {
                return Ok(row);
            }
            let news = async {
                loop {
                    match notices.recv().await {
                        Ok(notice) if notice.run != run || !notice.ended => {}
                        Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                        Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                    }
                }
            };
            tokio::select! {
                () = news => {}
                () = tokio::time::sleep(ASK_PAUSE) => {}
                () = self.shared.stopped.cancelled() => {}
            }
        }
    }

    /// How far the attempts of a run have come that execute in this process.
    pub fn progress(&self, run: RunId) -> Vec<(StepPath, Progress)> {
        self.shared.logs.progress().of(run)
    }

    /// The logs of attempts.
    pub fn logs(&self) -> &Logs {
        &self.shared.logs
    }

    /// The actions of this engine.
    pub fn actions(&self) -> &ActionSet {
        &self.shared.actions
    }

    /// How it is doing.
    pub fn status(&self) -> EngineStatus {
        EngineStatus {
            slots: self.shared.slots.status(),
            runs_in_memory: self.shared.runs.in_memory(),
            closing: self.is_closing(),
        }
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst) || self.shared.stopped.is_cancelled()
    }

    /// Ends the engine: nothing new starts, what runs may end within `limits.drain_seconds`, the rest is stopped as
    /// lost, so that the next start goes on with it. No run fails and no effect is undone because of it.
    pub async fn shutdown(&self) {
        if self.closing.swap(true, Ordering::SeqCst) {
            self.shared.tasks.wait().await;
            return;
        }
        let shared = &self.shared;
        shared.slots.close();
        let drain = Duration::from_secs(shared.limits.drain_seconds);
        let quiet = async {
            while !shared.local.is_empty()
                || shared.undo_room.available_permits() < shared.slots.status().capacity
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(drain, quiet).await.is_err() {
            tracing::warn!("attempts did not end in time; the next start goes on with them");
        }
        self.stop();
        shared.tasks.close();
        let room = Duration::from_secs(shared.limits.grace_seconds) + STOP_ROOM;
        if tokio::time::timeout(room, shared.tasks.wait()).await.is_err() {
            tracing::error!("some attempts do not stop; they end with the process");
        }
        claims::give_up(shared).await;
    }

    fn stop(&self) {
        self.shared.stopped.cancel();
        self.shared.local.lose();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}
