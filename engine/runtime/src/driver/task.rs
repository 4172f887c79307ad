//! The task around a run's actor: from its start, over every failure of the store, to its leave.

use std::sync::Arc;
use std::time::Duration;

use engine_core::run::{Event, IllegalTransition, RunState};
use engine_ports::{NewRun, StoreError};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use vocab::RunId;

use super::actor::{Actor, Broken, Outstanding};
use super::load::{LoadError, Loaded, load};
use super::message::Message;
use super::new_run::FirstWords;
use crate::attempt::Stop;
use crate::shared::Shared;

/// Pauses before the store is asked again.
const RELOAD_FIRST: Duration = Duration::from_millis(50);
const RELOAD_MOST: Duration = Duration::from_secs(5);

/// Where an actor begins.
pub(crate) enum Start {
    /// From the store.
    Load,
    /// After a start, from what was read of it or from the store: what ran is lost. The permit goes back once that is
    /// durable.
    Recover(Option<Box<Loaded>>, OwnedSemaphorePermit),
    /// With a run that is not in the store yet; the answer is the run that is there then.
    New(Box<FirstWords>, oneshot::Sender<Result<RunId, StoreError>>),
}

/// Runs the actor of `run` until nothing is outstanding.
pub(crate) async fn run(
    shared: Arc<Shared>,
    run: RunId,
    start: Start,
    mut mailbox: mpsc::Receiver<Message>,
    own: mpsc::WeakSender<Message>,
) {
    // Attempts, probes and undos outlive a failure of the store, and so do their records.
    let mut outstanding = Outstanding::default();
    let mut start = start;
    let mut pause = RELOAD_FIRST;
    let left = loop {
        let begun = match start {
            Start::New(parts, answer) => match create(&shared, run, *parts, &mut outstanding).await {
                Ok((id, actor)) => {
                    let _ = answer.send(Ok(id));
                    actor
                }
                Err(error) => {
                    let _ = answer.send(Err(error));
                    // It may have been written all the same: then it must not stand still.
                    reload(&shared, run).await.map(|loaded| Actor::new(&shared, run, loaded))
                }
            },
            Start::Recover(loaded, permit) => {
                let loaded = match loaded {
                    Some(loaded) => Some(*loaded),
                    None => reload(&shared, run).await,
                };
                loaded.map(|loaded| {
                    let mut actor = Actor::new(&shared, run, loaded);
                    actor.turn.answers.push(Box::new(move || drop(permit)));
                    actor
                })
            }
            Start::Load => reload(&shared, run).await.map(|loaded| Actor::new(&shared, run, loaded)),
        };
        let Some(mut actor) = begun else { break false };
        match actor.work(&mut mailbox, &mut outstanding).await {
            Ok(()) => break true,
            Err(broken) => {
                match broken {
                    Broken::Disowned => {
                        for leash in outstanding.attempts.values() {
                            leash.stop(Stop::Lost);
                        }
                        break true;
                    }
                    Broken::Store(error) => tracing::warn!(%run, %error, "a run is read anew"),
                    Broken::Core(error) => {
                        tracing::error!(%run, %error, "a run contradicts itself; it is read anew");
                    }
                }
                // What fails again and again is tried ever more slowly.
                if actor.has_committed() {
                    pause = RELOAD_FIRST;
                }
                tokio::select! {
                    () = shared.stopped.cancelled() => break false,
                    () = tokio::time::sleep(pause) => pause = (pause * 2).min(RELOAD_MOST),
                }
                start = Start::Load;
            }
        }
    };
    if !mailbox.is_closed() {
        shared.slots.forget(run);
        mailbox.close();
    }
    if let Some(own) = own.upgrade() {
        shared.runs.forget(run, &own);
    }
    // What came after the last look goes to the next actor; to nobody after a stop, or when the run cannot be read.
    while let Ok(message) = mailbox.try_recv() {
        let shared = Arc::clone(&shared);
        if left && !shared.stopped.is_cancelled() && !matches!(message, Message::Wake) {
            tokio::spawn(async move { shared.send(run, message).await });
        }
    }
}

/// Reads the run; asks again while the store fails in a way that may pass.
async fn reload(shared: &Shared, run: RunId) -> Option<Loaded> {
    let mut pause = RELOAD_FIRST;
    loop {
        match load(&shared.store, run).await {
            Ok(loaded) => return Some(loaded),
            Err(error) if error.may_pass() => tracing::warn!(%run, %error, "a run cannot be read now"),
            Err(LoadError::Store(StoreError::Closed) | LoadError::Missing(_)) => return None,
            Err(error) => {
                tracing::error!(%run, %error, "a run cannot be read; it stands still");
                return None;
            }
        }
        tokio::select! {
            () = shared.stopped.cancelled() => return None,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(RELOAD_MOST),
        }
    }
}

/// Creates the run, its first attempts included, in one transaction.
async fn create(
    shared: &Arc<Shared>,
    run: RunId,
    parts: FirstWords,
    outstanding: &mut Outstanding,
) -> Result<(RunId, Option<Actor>), StoreError> {
    let FirstWords { row, created, plan, plan_json, origin, taken } = parts;
    let mut actor = Actor::new(shared, run, Loaded { state: RunState::new(plan), row });
    let internal =
        |error: IllegalTransition| StoreError::Database(format!("the run contradicts itself: {error}"));
    actor.record(&Event::RunCreated(Box::new(created))).map_err(internal)?;
    for event in &taken {
        actor.record(event).map_err(internal)?;
    }
    actor.follow().map_err(internal)?;
    let (commit, landing) = actor.take_off();
    let id = shared.store.create(NewRun { commit, plan: plan_json, origin }).await?;
    if id != run {
        // The run of the first delivery: it goes on, should it stand still.
        shared.runs.start(shared, id, Start::Load);
        return Ok((id, None));
    }
    // Not before it is there: a renewal of the claims that does not know it yet would take it for lost.
    if let Some(claims) = &shared.claims {
        claims.take(run);
    }
    actor.land(landing, outstanding);
    Ok((id, Some(actor)))
}
