//! Executes one attempt: checks, cache, the action itself under its time and its leash, and the report.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine_core::run::{Failure, Promise, Report};
use engine_ports::{Action, ActionError, HoldOwner, LogStream, MemoEntry, StepContext, StepLog};
use futures::FutureExt as _;
use tokio::sync::oneshot;
use vocab::{ActionRef, ErrorClass, Inputs, Outputs, RunId, StepPath, Value};

use super::journal::AttemptJournal;
use super::leash::{Leash, Stop};
use super::{REPEAT_PAUSE, check, memo, secrets};
use crate::dispatch::Slot;
use crate::driver::{Message, RunMeta};
use crate::effects::holds_secret;
use crate::engine::CompleteLog;
use crate::logs::LogName;
use crate::shared::Shared;
use crate::work::{self, WorkFolder};

/// Time beyond the tools' grace that a stopped attempt gets before it is dropped: the shim needs it to kill and reap.
const STOP_ROOM: Duration = Duration::from_secs(35);
/// Shortest time between two measurements of a work folder.
const MEASURE_PAUSE: Duration = Duration::from_secs(5);

/// An attempt to execute: granted, and durable.
pub(crate) struct Assignment {
    pub(crate) run: RunId,
    pub(crate) path: StepPath,
    pub(crate) attempt: u32,
    /// Fencing token of its lease.
    pub(crate) token: u64,
    pub(crate) action: ActionRef,
    pub(crate) inputs: Inputs,
    pub(crate) timeout: Duration,
    /// Whether the workflow lets its outputs come from the cache.
    pub(crate) cache: bool,
    /// What its outputs must be.
    pub(crate) promise: Promise,
    pub(crate) meta: Arc<RunMeta>,
    pub(crate) leash: Arc<Leash>,
    pub(crate) slot: Slot,
}

/// How an attempt ended, and what of it the cache keeps.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) report: Report,
    pub(crate) memo: Option<Box<MemoEntry>>,
}

impl From<Report> for Outcome {
    fn from(report: Report) -> Self {
        Self { report, memo: None }
    }
}

/// The report of an attempt. It carries the slot, so that a successor can start in the same commit.
pub(crate) struct Ended {
    pub(crate) path: StepPath,
    pub(crate) token: u64,
    pub(crate) outcome: Outcome,
    /// Whose report it is: once lost, it says nothing, whoever has its token now.
    pub(crate) leash: Arc<Leash>,
    pub(crate) slot: Option<Slot>,
    /// Told when the report is durable, or was refused for good. Dropped when nobody knows.
    pub(crate) answer: oneshot::Sender<()>,
}

/// Executes an attempt to its end. Says nothing when its lease is lost: then another attempt is due.
pub(crate) async fn execute(shared: Arc<Shared>, assignment: Assignment) {
    let (run, path, attempt) = (assignment.run, assignment.path.clone(), assignment.attempt);
    let meta = Arc::clone(&assignment.meta);
    let token = assignment.token;
    let folder = shared.folders.create();
    let outcome = match &folder {
        Ok(folder) => attempt_in(&shared, &assignment, folder.path()).await,
        Err(error) => Some(failed(ErrorClass::Capacity, format!("a work folder could not be made: {error}"))),
    };
    // A folder that the action did not touch serves the next attempt at once: the report may wait for the disk, while
    // many more attempts run ahead of it.
    let mut folder = folder.ok().and_then(WorkFolder::spare);
    let Assignment { slot, leash, .. } = assignment;
    if let Some(outcome) = outcome.filter(|_| leash.why() != Some(Stop::Lost)) {
        let ended = Ended {
            path: path.clone(),
            token,
            outcome,
            leash: Arc::clone(&leash),
            slot: Some(slot),
            answer: oneshot::channel().0,
        };
        report(&shared, run, ended, &mut folder).await;
    }
    shared.local.forget(run, token, &leash);
    clear(&mut folder, run, &path).await;
    // One that the store never heard of leaves its log to the attempt that takes its number.
    if !leash.is_granted() {
        return;
    }
    let tenant = meta.tenant.clone();
    shared.archive.add(CompleteLog { tenant, run, path, attempt });
}

/// Repeats the report until it is durable or refused: the work is not done twice because the store stumbled.
async fn report(shared: &Arc<Shared>, run: RunId, mut ended: Ended, folder: &mut Option<WorkFolder>) {
    loop {
        let (answer, answered) = oneshot::channel();
        let copy = Ended {
            path: ended.path.clone(),
            outcome: ended.outcome.clone(),
            leash: Arc::clone(&ended.leash),
            slot: ended.slot.take(),
            answer,
            ..ended
        };
        shared.send(run, Message::Ended(Box::new(copy))).await;
        let durable = answered.await.is_ok();
        if durable || shared.stopped.is_cancelled() || ended.leash.why() == Some(Stop::Lost) {
            return;
        }
        // Where the disk is full, it may be this very folder that leaves no room for the report.
        clear(folder, run, &ended.path).await;
        tokio::time::sleep(REPEAT_PAUSE).await;
    }
}

/// Removes the work folder, unless that was done already.
async fn clear(folder: &mut Option<WorkFolder>, run: RunId, path: &StepPath) {
    if let Some(folder) = folder.take()
        && let Err(error) = folder.remove().await
    {
        tracing::warn!(%run, %path, %error, "a work folder is left behind until the next start");
    }
}

fn failed(class: ErrorClass, message: String) -> Outcome {
    Report::Failed(Failure::new(class, message)).into()
}

/// The attempt, once it has a folder. `None` when it lost its lease.
async fn attempt_in(shared: &Arc<Shared>, assignment: &Assignment, folder: &Path) -> Option<Outcome> {
    let name =
        LogName::Attempt { run: assignment.run, path: assignment.path.clone(), attempt: assignment.attempt };
    let log: Arc<dyn StepLog> = Arc::new(shared.logs.write(name));
    let Some(action) = shared.actions.get(&assignment.action) else {
        return Some(failed(
            ErrorClass::Permanent,
            format!("this worker has no action {}", assignment.action),
        ));
    };
    let ctx = context(shared, assignment, &log, folder);
    if let Err(failure) = check::before(action.manifest(), &assignment.inputs, ctx.trust_host) {
        log.line(LogStream::Factory, &failure.message);
        return Some(Report::Failed(failure).into());
    }
    let leash = &assignment.leash;
    let work = AssertUnwindSafe(perform(shared, assignment, action.as_ref(), ctx)).catch_unwind();
    let mut work = std::pin::pin!(work);
    let result = tokio::select! {
        biased;
        result = &mut work => Some(result),
        () = leash.token().cancelled() => None,
        () = tokio::time::sleep(assignment.timeout) => {
            leash.stop(Stop::TimedOut);
            None
        }
        () = grows_beyond(folder, shared.limits.work_bytes) => {
            leash.stop(Stop::TooLarge);
            None
        }
    };
    let result = if result.is_some() {
        result
    } else {
        let room = Duration::from_secs(shared.limits.grace_seconds) + STOP_ROOM;
        tokio::time::timeout(room, work).await.ok()
    };
    let outcome = settle(result, leash.why(), shared.limits.work_bytes);
    if let Some(Outcome { report: Report::Failed(failure), .. }) = &outcome {
        log.line(LogStream::Factory, &failure.message);
    }
    outcome.map(|outcome| masked(outcome, log.as_ref()))
}

fn context(
    shared: &Arc<Shared>,
    assignment: &Assignment,
    log: &Arc<dyn StepLog>,
    folder: &Path,
) -> StepContext {
    let journal = AttemptJournal {
        shared: Arc::clone(shared),
        run: assignment.run,
        path: assignment.path.clone(),
        token: assignment.token,
        leash: Arc::clone(&assignment.leash),
        log: Arc::clone(log),
    };
    StepContext {
        tenant: assignment.meta.tenant.clone(),
        run: assignment.run,
        path: assignment.path.clone(),
        attempt: assignment.attempt,
        token: assignment.token,
        trust_host: assignment.meta.trust_host,
        source: assignment.meta.source.clone(),
        work: folder.to_owned(),
        cancel: assignment.leash.token().clone(),
        log: Arc::clone(log),
        journal: Arc::new(journal),
        services: secrets::lend(&shared.services, log),
        fingerprint: None,
    }
}

/// Cache, action, outputs.
async fn perform(
    shared: &Shared,
    assignment: &Assignment,
    action: &dyn Action,
    mut ctx: StepContext,
) -> Result<Outcome, ActionError> {
    let inputs = &assignment.inputs;
    let promise = assignment.cache.then_some(&assignment.promise);
    let (key, asked) = match memo::ask(shared, &mut ctx, action, inputs, promise, &assignment.meta).await? {
        memo::Answer::Hit(outputs, from, asked) => {
            return Ok(Report::Succeeded { outputs, cached: Some(from), key: Some(asked) }.into());
        }
        memo::Answer::Miss(key, asked) => (Some(key), Some(asked)),
        memo::Answer::Off => (None, None),
    };
    let outputs = action.execute(&ctx, inputs.clone()).await?;
    without_secrets(&outputs, ctx.log.as_ref())?;
    if let Err(failure) = assignment.promise.check(&outputs) {
        return Ok(Report::Failed(failure).into());
    }
    // Held before the event that names them commits.
    memo::hold(shared, &HoldOwner::Run(ctx.run), &outputs).await.map_err(|error| {
        ActionError::permanent(format!("an output of {} cannot be kept: {error}", assignment.action))
    })?;
    let memo = match key {
        Some(key) => memo::keep(shared, &ctx, key, &outputs).await.map(Box::new),
        None => None,
    };
    Ok(Outcome { report: Report::Succeeded { outputs, cached: None, key: asked }, memo })
}

/// Outputs are kept and shown; a secret never becomes a value.
fn without_secrets(outputs: &Outputs, log: &dyn StepLog) -> Result<(), ActionError> {
    let told = |value: &Value| serde_json::to_value(value).is_ok_and(|json| holds_secret(&json, log));
    match outputs.iter().find(|(_, value)| told(value)) {
        None => Ok(()),
        Some((name, _)) => Err(ActionError::permanent(format!(
            "the output `{name}` holds a secret that the step was given, and outputs are kept and shown"
        ))
        .help("leave it out: a step that needs the secret takes it by an input of type `secret`")),
    }
}

/// What the result means, given why the attempt had to stop.
fn settle(
    result: Option<Result<Result<Outcome, ActionError>, Box<dyn Any + Send>>>,
    stop: Option<Stop>,
    work_bytes: u64,
) -> Option<Outcome> {
    match (stop, result) {
        (Some(Stop::Lost), _) => None,
        (Some(Stop::TimedOut), _) => Some(Report::TimedOut.into()),
        (Some(Stop::TooLarge), _) => {
            let message =
                format!("the work folder grew beyond the {work_bytes} bytes of `limits.work_bytes`");
            Some(failed(ErrorClass::Permanent, message))
        }
        (_, Some(Err(panic))) => {
            Some(failed(ErrorClass::Permanent, format!("the action panicked: {}", words(panic.as_ref()))))
        }
        // What was finished before the stop was noticed counts.
        (_, Some(Ok(Ok(outcome)))) if matches!(outcome.report, Report::Succeeded { .. }) => Some(outcome),
        (Some(Stop::Asked), _) => Some(Report::Cancelled.into()),
        (None, Some(Ok(Ok(outcome)))) => Some(outcome),
        (None, Some(Ok(Err(error)))) => {
            let failure = Failure::new(error.class, error.message);
            let failure = match error.help {
                Some(help) => failure.help(help),
                None => failure,
            };
            Some(Report::Failed(failure).into())
        }
        (None, None) => Some(failed(ErrorClass::Unknown, "the attempt vanished".to_owned())),
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// A message that leaves the attempt must not carry a secret that its log would mask.
fn masked(outcome: Outcome, log: &dyn StepLog) -> Outcome {
    let Report::Failed(failure) = outcome.report else { return outcome };
    let mut clean = Failure::new(failure.class, log.masked(&failure.message));
    if let Some(help) = failure.help {
        clean = clean.help(log.masked(&help));
    }
    Report::Failed(clean).into()
}

/// Ends when the folder takes more than `bytes`. A long measurement makes the pause before the next one longer.
async fn grows_beyond(folder: &Path, bytes: u64) {
    let mut pause = MEASURE_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let start = tokio::time::Instant::now();
        let place = folder.to_owned();
        let taken = tokio::task::spawn_blocking(move || work::usage(&place, bytes)).await;
        if taken.is_ok_and(|taken| taken > bytes) {
            return;
        }
        pause = MEASURE_PAUSE.max(start.elapsed() * 20);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn success() -> Outcome {
        Report::Succeeded { outputs: vocab::Outputs::new(), cached: None, key: None }.into()
    }

    fn report(result: Result<Outcome, ActionError>, stop: Stop) -> Option<Report> {
        settle(Some(Ok(result)), Some(stop), 0).map(|outcome| outcome.report)
    }

    #[test]
    fn a_lost_lease_says_nothing_whatever_came_out() {
        assert_eq!(report(Ok(success()), Stop::Lost), None);
    }

    #[test]
    fn work_that_was_done_before_the_cancel_was_noticed_counts() {
        assert!(matches!(report(Ok(success()), Stop::Asked), Some(Report::Succeeded { .. })));
        assert_eq!(report(Err(ActionError::transient("stopped")), Stop::Asked), Some(Report::Cancelled));
    }

    #[test]
    fn what_came_after_the_time_was_up_does_not_count() {
        assert_eq!(report(Ok(success()), Stop::TimedOut), Some(Report::TimedOut));
    }
}
