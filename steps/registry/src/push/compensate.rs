//! Taking out what this step put in, and nobody else wants there.

use engine_ports::{ActionError, EffectRecord, Presence, Repository, UndoContext, UndoOutcome, Withdrawn};
use serde_json::json;
use steps_kit::fail;

use super::execute::Intent;
use crate::journal;

pub(super) async fn probe(ctx: &UndoContext, record: &EffectRecord) -> Result<Presence, ActionError> {
    let intent: Intent = journal::read(record)?;
    let repository: Repository = intent.repository.parse().map_err(fail)?;
    let found = ctx.services.images.resolve(&repository, &intent.digest.to_string()).await.map_err(fail)?;
    Ok(match found {
        // Perhaps somebody else's alone: then the undo takes nothing out.
        Some(_) => Presence::Present(json!({ "digest": intent.digest })),
        None => Presence::Absent,
    })
}

pub(super) async fn compensate(ctx: &UndoContext, record: &EffectRecord) -> Result<UndoOutcome, ActionError> {
    let intent: Intent = journal::read(record)?;
    let repository: Repository = intent.repository.parse().map_err(fail)?;
    let (publisher, by) = (journal::by(record), journal::undone_by(record));
    let withdrawn = ctx.services.images.withdraw(&repository, &intent.digest, &publisher, &by).await;
    Ok(match withdrawn.map_err(fail)? {
        Withdrawn::Gone | Withdrawn::Shared => UndoOutcome::Undone,
        // This run's own tags and indexes are gone by now: undo goes backwards.
        Withdrawn::InUse(user) => {
            let reason = format!("{repository}@{} stays, since {user} refers to it", intent.digest);
            UndoOutcome::Superseded(reason)
        }
    })
}
