//! Putting the tag back, only while it still names our image.

use engine_ports::{
    ActionError, EffectRecord, Expect, ImageError, Moved, Presence, Repository, UndoContext, UndoOutcome,
};
use serde_json::json;
use steps_kit::fail;

use super::execute::Intent;
use crate::journal;

pub(super) async fn probe(ctx: &UndoContext, record: &EffectRecord) -> Result<Presence, ActionError> {
    let intent: Intent = journal::read(record)?;
    let repository: Repository = intent.repository.parse().map_err(fail)?;
    let found = ctx.services.images.resolve(&repository, &intent.tag).await.map_err(fail)?;
    Ok(match found {
        Some(image) if image.digest == intent.to => Presence::Present(json!({ "digest": intent.to })),
        _ => Presence::Absent,
    })
}

pub(super) async fn compensate(ctx: &UndoContext, record: &EffectRecord) -> Result<UndoOutcome, ActionError> {
    let intent: Intent = journal::read(record)?;
    if intent.previous.as_ref() == Some(&intent.to) {
        return Ok(UndoOutcome::Undone);
    }
    let repository: Repository = intent.repository.parse().map_err(fail)?;
    let by = journal::undone_by(record);
    let expect = Expect::Is(intent.to.clone());
    let moved =
        ctx.services.images.move_tag(&repository, &intent.tag, expect, intent.previous.as_ref(), &by).await;
    match moved {
        Ok(Moved::Done { .. }) => Ok(UndoOutcome::Undone),
        Ok(Moved::Conflict { found }) if found == intent.previous => Ok(UndoOutcome::Undone),
        Ok(Moved::Conflict { found }) => {
            let found = found.map_or_else(|| "is gone".to_owned(), |digest| format!("names {digest} now"));
            Ok(UndoOutcome::Superseded(format!("{repository}:{} {found}", intent.tag)))
        }
        // A repository that is gone has no tag either.
        Err(ImageError::Missing(_)) if intent.previous.is_none() => Ok(UndoOutcome::Undone),
        Err(error) => Err(fail(error)),
    }
}
