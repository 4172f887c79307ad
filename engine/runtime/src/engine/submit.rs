//! The creation of a run, where it shares room with others and where it does not.

use std::sync::Arc;

use tokio::sync::oneshot;
use vocab::{OnNew, RunId};

use super::SubmitError;
use crate::driver::{FirstWords, Start};
use crate::room::Waits;
use crate::shared::Shared;

/// Creates a run. Durable, its first attempts granted where there is room, when this returns.
pub(super) async fn begin(shared: &Arc<Shared>, first: FirstWords) -> Result<RunId, SubmitError> {
    let (answer, answered) = oneshot::channel();
    shared.runs.start(shared, first.row.id, Start::New(Box::new(first), answer));
    Ok(answered.await.map_err(|_| SubmitError::Closing)??)
}

/// Creates a run that shares room with others: it goes on, waits, or is dropped.
///
/// A task of its own: should the caller go away, the lock stays until it is known what became of the run.
pub(super) async fn in_turn(shared: &Arc<Shared>, first: FirstWords) -> Result<RunId, SubmitError> {
    let own = Arc::clone(shared);
    let created = shared.tasks.spawn(async move { decided(&own, first).await });
    created.await.map_err(|_| SubmitError::Closing)?
}

async fn decided(shared: &Arc<Shared>, mut first: FirstWords) -> Result<RunId, SubmitError> {
    let (turns, tenant) = (&shared.turns, first.row.tenant.clone());
    let _lock = turns.lock(&tenant).await;
    // What was asked for before is there, whether or not there is room for another.
    if let Some(origin) = &first.origin
        && let Some(earlier) = shared.store.started_by(&tenant, first.row.project, origin).await?
    {
        return Ok(earlier);
    }
    let standing = turns.before(shared, &first.row).await?;
    match standing.waits {
        Some(Waits::Group { group, behind }) if group.on_new == OnNew::Drop => {
            return Err(SubmitError::GroupFull { group: group.name, behind });
        }
        _ => first.created.waits = !standing.goes,
    }
    let run = begin(shared, first).await?;
    if !standing.goes {
        // Those before it may have to be asked to end.
        turns.wake(shared, &tenant);
    }
    Ok(run)
}
