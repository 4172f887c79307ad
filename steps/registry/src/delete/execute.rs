//! Removing, so that it can be put back.

use engine_ports::{
    ActionError, Begun, EffectGuard, Expect, ImageError, LogStream, Moved, Repository, StepContext,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use steps_kit::{fail, outputs};
use vocab::{ArtifactRef, Outputs, Value};

use super::DELETE;
use super::inputs::Request;
use crate::journal;

/// What is written down before anything is removed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Intent {
    /// `TENANT/name`.
    pub(super) repository: String,
    /// The tag to remove; without one, the image.
    pub(super) tag: Option<String>,
    /// The image, or what the tag names; none when there was nothing to remove.
    pub(super) image: Option<ArtifactRef>,
}

pub(super) async fn execute(ctx: &StepContext, request: &Request) -> Result<Outputs, ActionError> {
    let Request { repository, tag, reference } = request;
    let image = ctx.services.images.resolve(repository, reference).await.map_err(fail)?;
    if let Some(image) = &image {
        // Collecting garbage must not make undo impossible.
        ctx.services.artifacts.hold(&ctx.owner(), image).await.map_err(fail)?;
    }
    let intent = Intent { repository: repository.to_string(), tag: tag.clone(), image };
    let intent = match ctx.begin(DELETE, journal::write(&intent)?).await? {
        Begun::Made(record) => journal::read(&record)?,
        Begun::Fresh(guard) => make(ctx, repository, guard).await?,
    };
    let digest = intent.image.map(|image| image.digest.to_string());
    let said = match (&digest, tag) {
        (None, _) => format!("{repository} has no {reference}; nothing was removed"),
        (Some(digest), Some(tag)) => format!("removed {repository}:{tag}, which named {digest}"),
        (Some(digest), None) => format!("removed {repository}@{digest}"),
    };
    ctx.log.line(LogStream::Factory, &said);
    Ok(outputs([("digest", digest.map_or(Value::Null, Value::from))]))
}

/// Follows the intent in the journal, which may be an earlier attempt's.
async fn make(ctx: &StepContext, repository: &Repository, guard: EffectGuard) -> Result<Intent, ActionError> {
    let intent: Intent = journal::read(guard.record())?;
    let Some(image) = &intent.image else {
        guard.absent().await?;
        return Ok(intent);
    };
    let (images, by) = (&ctx.services.images, journal::by(guard.record()));
    if let Some(tag) = &intent.tag {
        let expect = Expect::Is(image.digest.clone());
        let moved = images.move_tag(repository, tag, expect, None, &by).await.map_err(fail)?;
        if let Moved::Conflict { found: Some(found) } = moved {
            guard.absent().await?;
            return Err(ActionError::transient(format!(
                "somebody else moved {repository}:{tag} meanwhile; it names {found} now"
            ))
            .help("run the step again, or add a `retry`"));
        }
    } else {
        match images.unpublish(repository, &image.digest, &by).await {
            // Gone already: an earlier attempt took it out before it was lost.
            Ok(()) | Err(ImageError::Missing(_)) => {}
            Err(error) => {
                let in_use = matches!(error, ImageError::InUse(..));
                if in_use {
                    guard.absent().await?;
                }
                let failed = fail(error);
                return Err(if in_use {
                    failed.help("remove its tags and the indexes that need it first")
                } else {
                    failed
                });
            }
        }
    }
    guard.made(json!({ "digest": image.digest })).await?;
    Ok(intent)
}
