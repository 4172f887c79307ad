//! Executes a probe or an undo, in a folder and with a log of its own, bounded in time and number.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use engine_core::run::EffectId;
use engine_ports::{
    Action, ActionError, EffectRecord, LogStream, Presence, StepLog, UndoContext, UndoOutcome,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use vocab::ErrorClass;

use super::clean;
use crate::attempt;
use crate::driver::{Message, RunMeta};
use crate::logs::LogName;
use crate::shared::Shared;

/// Time beyond the tools' grace that a stopped probe or undo gets before it is dropped.
const STOP_ROOM: Duration = Duration::from_secs(35);

/// Asks the action whether the effect of an open intent is there, and tells the run's actor.
pub(crate) async fn probe(shared: Arc<Shared>, meta: Arc<RunMeta>, record: EffectRecord) {
    let (run, effect) = (record.key.run, id(&record));
    let presence = with(&shared, &meta, &record, "look for", clean::presence, |action, ctx, record| {
        async move { action.probe(ctx, record).await }.boxed()
    })
    .await;
    if let Some(presence) = presence {
        if let Ok(Presence::Present(_)) = &presence {
            tracing::info!(%run, %effect, "an open intent turned out to be made");
        }
        shared.send(run, Message::Probed { effect, presence }).await;
    }
}

/// Undoes an effect, and tells the run's actor.
pub(crate) async fn undo(shared: Arc<Shared>, meta: Arc<RunMeta>, record: EffectRecord, nth: u32) {
    let (run, effect) = (record.key.run, id(&record));
    let outcome: Option<Result<UndoOutcome, ActionError>> = with(
        &shared,
        &meta,
        &record,
        "undo",
        |outcome, log| Ok(clean::outcome(outcome, log)),
        |action, ctx, record| async move { action.compensate(ctx, record).await }.boxed(),
    )
    .await;
    if let Some(outcome) = outcome {
        shared.send(run, Message::Undone { effect, nth, outcome }).await;
    }
}

fn id(record: &EffectRecord) -> EffectId {
    EffectId { path: record.key.path.clone(), name: record.key.name.clone() }
}

/// Does something about an effect. `None` when the engine stops: the next start does it again.
async fn with<T: std::fmt::Debug>(
    shared: &Arc<Shared>,
    meta: &RunMeta,
    record: &EffectRecord,
    verb: &str,
    clean: impl FnOnce(T, &dyn StepLog) -> Result<T, ActionError>,
    work: impl for<'a> FnOnce(
        &'a dyn Action,
        &'a UndoContext,
        &'a EffectRecord,
    ) -> BoxFuture<'a, Result<T, ActionError>>,
) -> Option<Result<T, ActionError>> {
    let permit = tokio::select! {
        permit = Arc::clone(&shared.undo_room).acquire_owned() => permit.ok()?,
        () = shared.stopped.cancelled() => return None,
    };
    let (run, path, effect) = (record.key.run, record.key.path.clone(), record.key.name.clone());
    // Whoever drives the run by now does it.
    shared.hold(run)?;
    let log: Arc<dyn StepLog> = Arc::new(shared.logs.write(LogName::Undo { run, path, effect }));
    let Some(action) = shared.actions.get(&record.action) else {
        let error = ActionError::permanent(format!(
            "this worker has no action {} to {verb} `{}` with",
            record.action, record.key
        ));
        return Some(Err(error));
    };
    let folder = match shared.folders.create() {
        Ok(folder) => folder,
        Err(error) => {
            let message = format!("a work folder could not be made: {error}");
            return Some(Err(ActionError::new(ErrorClass::Capacity, message)));
        }
    };
    log.line(LogStream::Factory, &format!("{verb} `{}` of attempt {}", record.key, record.attempt));
    let ctx = UndoContext {
        tenant: meta.tenant.clone(),
        work: folder.path().to_owned(),
        cancel: CancellationToken::new(),
        log: Arc::clone(&log),
        services: attempt::lend(&shared.services, &log),
    };
    let job = AssertUnwindSafe(work(action.as_ref(), &ctx, record)).catch_unwind();
    let mut job = std::pin::pin!(job);
    let time = Duration::from_secs(shared.limits.attempt_seconds);
    let result = tokio::select! {
        biased;
        result = &mut job => Some(result),
        () = shared.stopped.cancelled() => None,
        () = tokio::time::sleep(time) => None,
    };
    let result = match result {
        Some(Ok(result)) => Some(result),
        Some(Err(_)) => Some(Err(ActionError::permanent(format!("{} panicked", record.action)))),
        None => {
            ctx.cancel.cancel();
            let room = Duration::from_secs(shared.limits.grace_seconds) + STOP_ROOM;
            let _ = tokio::time::timeout(room, job).await;
            let late = || ActionError::transient(format!("it did not end within {} s", time.as_secs()));
            (!shared.stopped.is_cancelled()).then(|| Err(late()))
        }
    };
    let result = result.map(|result| {
        let clean = result.and_then(|outcome| clean(outcome, log.as_ref()));
        clean.map_err(|error| clean::error(error, log.as_ref()))
    });
    match &result {
        Some(Ok(outcome)) => log.line(LogStream::Factory, &format!("{verb}: {outcome:?}")),
        Some(Err(error)) => log.line(LogStream::Factory, &format!("{verb} failed: {error}")),
        None => log.line(LogStream::Factory, "stopped; the next start goes on"),
    }
    drop(permit);
    if let Err(error) = folder.remove().await {
        tracing::warn!(%error, "a work folder is left behind until the next start");
    }
    result
}
