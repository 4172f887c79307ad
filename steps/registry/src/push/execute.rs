//! Publishing, once.

use engine_ports::{ActionError, Begun, LogStream, StepContext};
use serde::{Deserialize, Serialize};
use serde_json::json;
use steps_kit::{fail, outputs};
use vocab::{Digest, Outputs};

use super::PUBLISH;
use super::inputs::Request;
use crate::journal;

/// What is written down before the image is published.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Intent {
    /// `TENANT/name`.
    pub(super) repository: String,
    pub(super) digest: Digest,
    /// Whether the repository had it before, so that undo leaves it there.
    pub(super) existed: bool,
}

pub(super) async fn execute(ctx: &StepContext, request: &Request) -> Result<Outputs, ActionError> {
    let images = &ctx.services.images;
    let digest = &request.image.digest;
    let existed = images.resolve(&request.repository, &digest.to_string()).await.map_err(fail)?.is_some();
    let intent = Intent { repository: request.repository.to_string(), digest: digest.clone(), existed };
    if let Begun::Fresh(guard) = ctx.begin(PUBLISH, journal::write(&intent)?).await? {
        let by = journal::by(guard.record());
        let pushed = images.push(&request.repository, &request.image, &by).await.map_err(fail)?;
        let intent: Intent = journal::read(guard.record())?;
        // What an earlier attempt published before it was lost is not new, but ours.
        let earlier = guard.record().attempt < ctx.attempt && !intent.existed;
        guard.made(json!({ "ours": pushed.new || earlier })).await?;
    }
    let reference = format!("{}@{digest}", request.repository);
    ctx.log.line(LogStream::Factory, &format!("published {reference}"));
    Ok(outputs([("reference", reference.into()), ("digest", digest.to_string().into())]))
}
