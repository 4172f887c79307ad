//! Publishing, once.

use engine_ports::{ActionError, Begun, LogStream, StepContext};
use serde::{Deserialize, Serialize};
use serde_json::json;
use steps_kit::{fail, outputs};
use vocab::{Digest, Outputs};

use super::PUBLISH;
use super::inputs::Request;
use crate::journal;

/// What is written down before the image is published. Who publishes is the record's own key.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Intent {
    /// `TENANT/name`.
    pub(super) repository: String,
    pub(super) digest: Digest,
}

pub(super) async fn execute(ctx: &StepContext, request: &Request) -> Result<Outputs, ActionError> {
    let digest = &request.image.digest;
    let intent = Intent { repository: request.repository.to_string(), digest: digest.clone() };
    let begun = ctx.begin(PUBLISH, journal::write(&intent)?).await?;
    let by = journal::by(match &begun {
        Begun::Made(record) => record,
        Begun::Fresh(guard) => guard.record(),
    });
    // Also when it counts as made: a probe finds the image, and not whether it is there on behalf of this step.
    ctx.services.images.push(&request.repository, &request.image, &by).await.map_err(fail)?;
    if let Begun::Fresh(guard) = begun {
        guard.made(json!({ "digest": digest })).await?;
    }
    let reference = format!("{}@{digest}", request.repository);
    ctx.log.line(LogStream::Factory, &format!("published {reference}"));
    Ok(outputs([("reference", reference.into()), ("digest", digest.to_string().into())]))
}
