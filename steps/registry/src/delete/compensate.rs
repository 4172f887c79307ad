//! Putting back what was removed.

use engine_ports::{
    ActionError, EffectRecord, Expect, Moved, Presence, Repository, UndoContext, UndoOutcome,
};
use serde_json::json;
use steps_kit::fail;

use super::execute::Intent;
use crate::journal;

pub(super) async fn probe(ctx: &UndoContext, record: &EffectRecord) -> Result<Presence, ActionError> {
    let intent: Intent = journal::read(record)?;
    let Some(image) = intent.image else { return Ok(Presence::Absent) };
    let repository: Repository = intent.repository.parse().map_err(fail)?;
    let reference = intent.tag.unwrap_or_else(|| image.digest.to_string());
    let found = ctx.services.images.resolve(&repository, &reference).await.map_err(fail)?;
    // The effect is that it is missing.
    Ok(match found {
        Some(_) => Presence::Absent,
        None => Presence::Present(json!({ "digest": image.digest })),
    })
}

pub(super) async fn compensate(ctx: &UndoContext, record: &EffectRecord) -> Result<UndoOutcome, ActionError> {
    let intent: Intent = journal::read(record)?;
    let Some(image) = intent.image else { return Ok(UndoOutcome::Undone) };
    let repository: Repository = intent.repository.parse().map_err(fail)?;
    let images = &ctx.services.images;
    let by = journal::undone_by(record);
    let Some(tag) = intent.tag else {
        images.push(&repository, &image, &by).await.map_err(fail)?;
        return Ok(UndoOutcome::Undone);
    };
    let moved = images.move_tag(&repository, &tag, Expect::Absent, Some(&image.digest), &by).await;
    Ok(match moved.map_err(fail)? {
        Moved::Done { .. } => UndoOutcome::Undone,
        Moved::Conflict { found } if found.as_ref() == Some(&image.digest) => UndoOutcome::Undone,
        Moved::Conflict { found } => {
            let found = found.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
            UndoOutcome::Superseded(format!("{repository}:{tag} was made again and names {found}"))
        }
    })
}
