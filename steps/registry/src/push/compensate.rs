//! Taking out what this run put in.

use engine_ports::{ActionError, EffectRecord, ImageError, Presence, Repository, UndoContext, UndoOutcome};
use serde_json::json;
use steps_kit::fail;

use super::execute::Intent;
use crate::journal;

pub(super) async fn probe(ctx: &UndoContext, record: &EffectRecord) -> Result<Presence, ActionError> {
    let intent: Intent = journal::read(record)?;
    let repository: Repository = intent.repository.parse().map_err(fail)?;
    let found = ctx.services.images.resolve(&repository, &intent.digest.to_string()).await.map_err(fail)?;
    Ok(match found {
        Some(_) => Presence::Present(json!({ "ours": !intent.existed })),
        None => Presence::Absent,
    })
}

pub(super) async fn compensate(ctx: &UndoContext, record: &EffectRecord) -> Result<UndoOutcome, ActionError> {
    let intent: Intent = journal::read(record)?;
    let ours = record.handle.as_ref().and_then(|handle| handle["ours"].as_bool()).unwrap_or(!intent.existed);
    if !ours {
        return Ok(UndoOutcome::Undone);
    }
    let repository: Repository = intent.repository.parse().map_err(fail)?;
    match ctx.services.images.unpublish(&repository, &intent.digest, &journal::undone_by(record)).await {
        Ok(()) | Err(ImageError::Missing(_)) => Ok(UndoOutcome::Undone),
        // Our own tag is gone by now: undo goes backwards.
        Err(ImageError::InUse(image, user)) => {
            Ok(UndoOutcome::Superseded(format!("{image} stays, since {user} names it")))
        }
        Err(error) => Err(fail(error)),
    }
}
