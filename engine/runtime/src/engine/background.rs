//! What goes on beside the runs: handing out slots, waking runs, whose turn it is, renewing leases, archiving logs, watching space.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use vocab::RunId;

use super::archiver::{CompleteLog, archive};
use crate::attempt::LocalAttempt;
use crate::claims;
use crate::dispatch::Slot;
use crate::driver::{LEASE, Message};
use crate::shared::Shared;
use crate::work::SpaceWatch;

/// Pause between two looks at the free space.
const SPACE_PAUSE: Duration = Duration::from_secs(2);
/// Pause between two looks for runs in which something is due.
const WAKE_PAUSE: Duration = Duration::from_secs(1);
/// Pause between two looks for runs whose turn may have come: what a lost word costs.
const TURN_PAUSE: Duration = Duration::from_secs(2);
/// Pause between two renewals: several fit into a lease.
const RENEW_PAUSE: Duration = Duration::from_secs(10);

/// Starts them. They end when the engine stops.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    offered: mpsc::Receiver<(RunId, Slot)>,
    complete: mpsc::Receiver<CompleteLog>,
    space: Arc<SpaceWatch>,
) {
    until_stopped(shared, hand_out(Arc::clone(shared), offered));
    until_stopped(shared, wake(Arc::clone(shared)));
    until_stopped(shared, take_turns(Arc::clone(shared)));
    until_stopped(shared, renew(Arc::clone(shared)));
    if shared.claims.is_some() {
        until_stopped(shared, claims::keep(Arc::clone(shared)));
        until_stopped(shared, claims::lapse(Arc::clone(shared)));
        until_stopped(shared, claims::hear(Arc::clone(shared)));
    }
    until_stopped(shared, archive(Arc::clone(shared), complete));
    until_stopped(shared, watch(Arc::clone(shared), space));
}

fn until_stopped(shared: &Arc<Shared>, task: impl Future<Output = ()> + Send + 'static) {
    let stopped = shared.stopped.clone();
    shared.tasks.spawn(async move {
        tokio::select! {
            () = stopped.cancelled() => {}
            () = task => {}
        }
    });
}

/// Carries slots that came free to the runs that wait for them.
async fn hand_out(shared: Arc<Shared>, mut offered: mpsc::Receiver<(RunId, Slot)>) {
    while let Some((run, slot)) = offered.recv().await {
        shared.send(run, Message::Slot(slot)).await;
    }
}

/// Loads runs again in which something is due.
async fn wake(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(WAKE_PAUSE).await;
        for run in shared.runs.due(shared.clock.now()) {
            shared.send(run, Message::Wake).await;
        }
    }
}

/// Looks now and at times for runs that wait and have room. Whatever makes room says so; this is for what was not heard.
async fn take_turns(shared: Arc<Shared>) {
    loop {
        if let Err(error) = shared.turns.wake_all(&shared).await {
            tracing::warn!(%error, "runs that wait for their turn cannot be looked up now");
        }
        tokio::time::sleep(TURN_PAUSE).await;
    }
}

/// Renews the leases of this worker. An attempt whose lease is gone is stopped by its run, and may say nothing.
async fn renew(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(RENEW_PAUSE).await;
        let local = shared.local.list();
        if local.is_empty() {
            continue;
        }
        let held = match shared.store.renew(shared.worker, shared.clock.now().plus(LEASE)).await {
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(%error, "leases could not be renewed");
                continue;
            }
        };
        for LocalAttempt { run, path, token, .. } in local {
            let ours = held.iter().any(|(of, at, with)| *of == run && *at == path && *with == token);
            // One that ended meanwhile has given its lease up itself. Whether it did, its run knows: the task of the
            // attempt may not have heard yet that its report is durable.
            if !ours && shared.local.has(run, token) {
                shared.send(run, Message::Lost { path, token }).await;
            }
        }
    }
}

async fn watch(shared: Arc<Shared>, space: Arc<SpaceWatch>) {
    loop {
        tokio::time::sleep(SPACE_PAUSE).await;
        measure(&shared, &space).await;
    }
}

/// Looks at the space, and pauses dispatch while there is too little.
pub(super) async fn measure(shared: &Arc<Shared>, space: &Arc<SpaceWatch>) {
    let (space, clock) = (Arc::clone(space), Arc::clone(&shared.clock));
    let reason = tokio::task::spawn_blocking(move || space.check(clock.as_ref())).await;
    let reason = reason.unwrap_or_else(|error| Some(format!("the space could not be measured: {error}")));
    shared.slots.space(reason);
}
