//! Renews the claims of this process, takes over what nobody drives, and hears what others ask.

use std::sync::Arc;
use std::time::Duration;

use engine_ports::StoreError;
use futures::{StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vocab::RunId;

use crate::driver::{Ask, LoadError, Message, Need, Reply, Start, look};
use crate::shared::Shared;

/// Runs that one look takes over at most: several processes that start share what lies about.
const TAKE_OVER: u32 = 64;
/// Runs that are read at once after they were taken over.
const READERS: usize = 8;
/// Requests that one look finds at most.
const REQUESTS: u32 = 256;
/// Pause between two looks for requests of other processes.
const HEAR_PAUSE: Duration = Duration::from_millis(250);
/// How long an answer waits for whoever asked.
const ANSWER_STAYS: Duration = Duration::from_secs(3600);

/// Renews and takes over, for ever.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let Some(claims) = &shared.claims else { return };
    let readers = Arc::new(Semaphore::new(READERS));
    let pause = claims.lasts() / 5;
    loop {
        let (asked, before) = (shared.clock.monotonic(), claims.all());
        let renewal = shared.store.renew_claims(shared.worker, claims.term(shared.clock.now()));
        if let Some(runs) = in_time(pause, renewal, "claims could not be renewed").await {
            let change = claims.renewed(asked, shared.clock.monotonic(), &before, &runs);
            disown_all(&shared, &change.lost);
            adopt_all(&shared, &readers, &change.gained).await;
            let free = shared.store.claim(shared.worker, claims.term(shared.clock.now()), TAKE_OVER);
            if let Some(runs) = in_time(pause, free, "runs that nobody drives could not be taken over").await
            {
                adopt_all(&shared, &readers, &runs).await;
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// What the store answers; nothing when it fails, or does not answer within `time`.
async fn in_time<T>(
    time: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
    failed: &'static str,
) -> Option<T> {
    match tokio::time::timeout(time, work).await {
        Ok(Ok(answer)) => return Some(answer),
        Ok(Err(error)) => tracing::warn!(%error, "{failed}"),
        Err(_) => tracing::warn!("{failed}: the store does not answer"),
    }
    None
}

/// Lets go of every run when no renewal has come in time, for ever: somebody else may drive them soon.
pub(crate) async fn lapse(shared: Arc<Shared>) {
    let Some(claims) = &shared.claims else { return };
    loop {
        disown_all(&shared, &claims.lapse(shared.clock.monotonic()));
        let left = claims.sure_for(shared.clock.monotonic());
        tokio::time::sleep(left.max(claims.lasts() / 20)).await;
    }
}

fn disown_all(shared: &Arc<Shared>, runs: &[RunId]) {
    for run in runs {
        tracing::warn!(%run, "another process may drive the run: what it executes here stops");
        shared.slots.forget(*run);
        shared.runs.disown(*run);
    }
}

async fn adopt_all(shared: &Arc<Shared>, readers: &Arc<Semaphore>, runs: &[RunId]) {
    for run in runs {
        // Nobody closes it.
        let Ok(permit) = Arc::clone(readers).acquire_owned().await else { return };
        let (shared, run) = (Arc::clone(shared), *run);
        shared.tasks.clone().spawn(async move { adopt(&shared, run, permit).await });
    }
}

/// Drives a run that the store has claimed for this process.
async fn adopt(shared: &Arc<Shared>, run: RunId, permit: OwnedSemaphorePermit) {
    if !shared.claims.as_ref().is_some_and(|claims| claims.take(run)) {
        return;
    }
    match take_up(shared, run, permit).await {
        Ok(()) => tracing::info!(%run, "the run is driven here"),
        // As after a start: somebody who can read it has to take it over, or the operator has to look.
        Err(error) => tracing::error!(%run, %error, "a run cannot be read; it stands still"),
    }
}

/// Reads a run and lets it go on, now or when its time has come.
async fn take_up(shared: &Arc<Shared>, run: RunId, permit: OwnedSemaphorePermit) -> Result<(), LoadError> {
    match look(shared, run).await? {
        Need::Actor(loaded) => shared.runs.start(shared, run, Start::Recover(loaded, permit)),
        Need::Rest(Some(until)) => shared.runs.park(run, until),
        Need::Rest(None) => {}
        Need::Nothing => release(shared, run),
    }
    Ok(())
}

/// Gives a run up in which nothing is left to do.
pub(crate) fn release(shared: &Arc<Shared>, run: RunId) {
    if !shared.claims.as_ref().is_some_and(|claims| claims.let_go(run)) {
        return;
    }
    let task = Arc::clone(shared);
    shared.tasks.spawn(async move {
        if let Err(error) = task.store.release_claim(task.worker, run).await {
            tracing::debug!(%run, %error, "a claim stays until its time is over");
        }
    });
}

/// Gives everything up at an orderly end, so that others need not wait for the claims to be over.
pub(crate) async fn give_up(shared: &Shared) {
    let Some(claims) = &shared.claims else { return };
    let runs = stream::iter(claims.all().into_keys());
    runs.for_each_concurrent(READERS, |run| async move {
        if let Err(error) = shared.store.release_claim(shared.worker, run).await {
            tracing::warn!(%run, %error, "a claim stays until its time is over");
        }
    })
    .await;
}

/// Carries out what other processes ask of runs that are driven here, for ever.
pub(crate) async fn hear(shared: Arc<Shared>) {
    let Some(claims) = &shared.claims else { return };
    let mut since = Duration::ZERO;
    // Told once, and left for whoever takes the run over: as long as they are held, they are not taken up again.
    let mut foreign = Vec::new();
    loop {
        tokio::time::sleep(HEAR_PAUSE).await;
        since += HEAR_PAUSE;
        match shared.store.requests(shared.worker, REQUESTS).await {
            Ok(requests) => {
                for request in requests {
                    let (id, run) = (request.id, request.run);
                    let Some(taken) = claims.begin(id) else { continue };
                    match serde_json::from_value::<Ask>(request.ask) {
                        Ok(ask) => shared.send(run, Message::Asked(ask, Reply::There(id, taken))).await,
                        // A newer version asks; one that knows the word takes the run over when this one ends.
                        Err(error) => {
                            tracing::warn!(%run, %error, "a request is not understood");
                            foreign.push(taken);
                        }
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "requests of other processes could not be read"),
        }
        if since >= ANSWER_STAYS {
            since = Duration::ZERO;
            let before = shared.clock.now().minus(ANSWER_STAYS);
            if let Err(error) = shared.store.forget_answers(before).await {
                tracing::warn!(%error, "answers that nobody came for stay");
            }
        }
    }
}
