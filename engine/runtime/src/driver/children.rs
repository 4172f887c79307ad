//! Runs that steps start: begun once, ended, taken back, and told about.
//!
//! A run that another one started tells that one when it has ended, and holds what it made until that one lets go.
//! Each side asks again after a start, so that no word has to arrive: what is done twice is done once.

use std::sync::Arc;
use std::time::Duration;

use engine_core::plan::{Plan, PlanSpec};
use engine_core::run::{ChildEnd, EffectId, Parent};
use engine_ports::{ActionError, Notice, RunRow, StoreError, UndoOutcome};
use serde_json::json;
use tokio::sync::{broadcast, oneshot};
use vocab::{Compensation, EffectState, Inputs, Outputs, RunId, RunStatus, StepPath, TenantName};

use super::ask::Ask;
use super::message::Message;
use super::new_run::{FirstWords, NewRun};
use super::task::Start;
use crate::shared::Shared;

/// How often the store is asked about a run for which no notice came.
const ASK_PAUSE: Duration = Duration::from_secs(1);

/// A run that a step starts.
pub(super) struct Child {
    pub(super) run: RunId,
    pub(super) spec: PlanSpec,
    pub(super) inputs: Inputs,
    /// The row of the run whose step it is.
    pub(super) parent: RunRow,
    pub(super) path: StepPath,
}

/// Starts the run unless it is there, and says so; tells at once when it has ended already.
pub(super) async fn start(shared: Arc<Shared>, child: Child) {
    let (run, parent) = (child.run, child.parent.id);
    let mut pause = ASK_PAUSE / 10;
    loop {
        let row = match shared.store.run_any_tenant(run).await {
            Ok(Some(row)) => Ok(row),
            Ok(None) => create(&shared, &child).await,
            Err(error) => Err(error),
        };
        match row {
            Ok(row) => {
                shared.send(parent, Message::ChildStarted { run }).await;
                if row.status.is_terminal() {
                    shared.tell(&child.parent.tenant, parent, ended(&row)).await;
                }
                return;
            }
            Err(error) => tracing::warn!(%run, %parent, %error, "a run cannot be started by another one now"),
        }
        tokio::select! {
            () = shared.stopped.cancelled() => return,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(5 * ASK_PAUSE),
        }
    }
}

/// Creates the run as its parent's: the same tenant, project, commit and trust.
async fn create(shared: &Arc<Shared>, child: &Child) -> Result<RunRow, StoreError> {
    let Child { run, spec, inputs, parent, path } = child;
    let plan = Plan::new(spec.clone()).map_err(|error| StoreError::Damaged {
        row: format!("plan of run {run}"),
        reason: error.to_string(),
    })?;
    let mut trigger = parent.trigger.clone();
    if let Some(trigger) = trigger.as_object_mut() {
        trigger.insert("kind".to_owned(), json!("run"));
        trigger.insert("parent".to_owned(), json!({ "run": parent.id, "step": path }));
    }
    let new = NewRun {
        run: *run,
        tenant: parent.tenant.clone(),
        project: parent.project,
        plan,
        inputs: inputs.clone(),
        trigger,
        parent: Some(Parent { run: parent.id, path: path.clone() }),
        origin: None,
        taken: Vec::new(),
    };
    let first = FirstWords::of(new, &shared.limits, shared.clock.now())?;
    let row = first.row.clone();
    let (answer, answered) = oneshot::channel();
    shared.runs.start(shared, *run, Start::New(Box::new(first), answer));
    match answered.await {
        Ok(Ok(_)) => Ok(row),
        Ok(Err(error)) => Err(error),
        // Its actor runs already, or the engine stops: the next look tells.
        Err(_) => Err(StoreError::Closed),
    }
}

fn ended(row: &RunRow) -> Ask {
    Ask::ChildEnded { run: row.id, end: Box::new(end(row)) }
}

fn end(row: &RunRow) -> ChildEnd {
    ChildEnd {
        status: row.status,
        compensation: row.compensation,
        outputs: row.outputs.clone(),
        error: row.error.clone(),
    }
}

/// Has the run cancelled; when it has ended already, its end is told again.
pub(super) async fn cancel(shared: Arc<Shared>, tenant: TenantName, parent: RunId, run: RunId) {
    let reason = Some(format!("run {parent}, which started it, is being stopped"));
    // Refused when it has ended: then its end was told or is told now.
    let _ = shared.ask(&tenant, run, Ask::Cancel { by: format!("run {parent}"), reason }).await;
    let end = match shared.store.run_any_tenant(run).await {
        Ok(Some(row)) if row.status.is_terminal() => end(&row),
        // It was bound and never begun: nobody begins it any more.
        Ok(None) => ChildEnd {
            status: RunStatus::Cancelled,
            compensation: Compensation::NotNeeded,
            outputs: Outputs::new(),
            error: None,
        },
        Ok(Some(_)) => return,
        Err(error) => {
            tracing::warn!(%run, %parent, %error, "how a run ended cannot be told now");
            return;
        }
    };
    shared.tell(&tenant, parent, Ask::ChildEnded { run, end: Box::new(end) }).await;
}

/// Takes the run back: ends it, has everything undone that it made, and tells how that went.
pub(super) async fn take_back(
    shared: Arc<Shared>,
    tenant: TenantName,
    parent: RunId,
    run: RunId,
    effect: EffectId,
    nth: u32,
) {
    let outcome = tokio::select! {
        outcome = back(&shared, &tenant, parent, run) => outcome,
        // The next start does it again.
        () = shared.stopped.cancelled() => return,
    };
    let outcome = outcome.unwrap_or_else(|error| Err(ActionError::transient(error.to_string())));
    shared.send(parent, Message::Undone { effect, nth, outcome }).await;
}

async fn back(
    shared: &Arc<Shared>,
    tenant: &TenantName,
    parent: RunId,
    run: RunId,
) -> Result<Result<UndoOutcome, ActionError>, StoreError> {
    let mut notices = shared.bus.subscribe();
    let mut asked = false;
    loop {
        let Some(row) = shared.store.run_any_tenant(run).await? else { return Ok(Ok(UndoOutcome::Undone)) };
        match (row.status.is_terminal(), row.compensation) {
            (true, Compensation::NotNeeded | Compensation::Complete) => return Ok(Ok(UndoOutcome::Undone)),
            (true, Compensation::Stuck) if asked => {
                let message = format!("some of what run {run} made could not be undone");
                let help =
                    format!("see the effects of run {run}, remove what is stuck, and try to undo again");
                return Ok(Err(ActionError::permanent(message).help(help)));
            }
            (true, Compensation::Held) if !asked => {
                asked = true;
                shared.tell(tenant, run, Ask::HoldEnded { kept: false }).await;
            }
            (true, Compensation::Stuck) => {
                asked = true;
                let _ = shared.ask(tenant, run, Ask::RetryUndo { by: format!("run {parent}") }).await;
                continue;
            }
            (false, _) if !asked => {
                asked = true;
                cancel(Arc::clone(shared), tenant.clone(), parent, run).await;
            }
            _ => {}
        }
        news(&mut notices, run).await;
    }
}

/// Waits for news of the run, or for a while.
async fn news(notices: &mut broadcast::Receiver<Notice>, run: RunId) {
    let mine = async { while notices.recv().await.is_ok_and(|notice| notice.run != run) {} };
    // A notice that is lost is followed by another look.
    let _ = tokio::time::timeout(ASK_PAUSE, mine).await;
}

/// Tells the run that started this one how this one ended.
pub(super) async fn tell_parent(shared: Arc<Shared>, parent: RunId, row: RunRow) {
    shared.tell(&row.tenant, parent, ended(&row)).await;
}

/// Looks whether the run that holds what this one made has let go of it.
pub(super) async fn ask_parent(shared: Arc<Shared>, parent: RunId, row: RunRow) {
    let run = row.id;
    let kept = match shared.store.effects(parent).await {
        Ok(effects) => effects.iter().any(|record| {
            let ours = record.handle.as_ref().is_some_and(|handle| handle["run"] == json!(run));
            ours && record.state == EffectState::Released
        }),
        Err(error) => {
            tracing::warn!(%run, %parent, %error, "whether a run is still held is not known");
            return;
        }
    };
    if kept {
        shared.tell(&row.tenant, run, Ask::HoldEnded { kept: true }).await;
    }
}
