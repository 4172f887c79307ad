//! Moving the tag, by compare-and-set.

use engine_ports::{ActionError, Begun, EffectGuard, Expect, LogStream, Moved, Repository, StepContext};
use serde::{Deserialize, Serialize};
use serde_json::json;
use steps_kit::{fail, outputs};
use vocab::{Digest, Outputs, Value};

use super::TAG;
use super::inputs::Request;
use crate::journal;

/// What is written down before the tag moves.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Intent {
    /// `TENANT/name`.
    pub(super) repository: String,
    pub(super) tag: String,
    /// What the tag named; undo puts it back.
    pub(super) previous: Option<Digest>,
    /// What the tag is to name.
    pub(super) to: Digest,
}

pub(super) async fn execute(ctx: &StepContext, request: &Request) -> Result<Outputs, ActionError> {
    let images = &ctx.services.images;
    let Request { repository, tag, digest } = request;
    if images.resolve(repository, &digest.to_string()).await.map_err(fail)?.is_none() {
        return Err(ActionError::permanent(format!("the repository {repository} has no image {digest}"))
            .help("publish it there with registry/push@v1 first, and use its output `reference`"));
    }
    let previous = images.resolve(repository, tag).await.map_err(fail)?.map(|image| image.digest);
    let intent =
        Intent { repository: repository.to_string(), tag: tag.clone(), previous, to: digest.clone() };
    let intent = match ctx.begin(TAG, journal::write(&intent)?).await? {
        Begun::Made(record) => journal::read(&record)?,
        Begun::Fresh(guard) => make(ctx, repository, guard).await?,
    };
    ctx.log.line(LogStream::Factory, &format!("{repository}:{tag} names {digest}"));
    let previous = intent.previous.map_or(Value::Null, |digest| digest.to_string().into());
    Ok(outputs([
        ("reference", format!("{repository}:{tag}").into()),
        ("digest", digest.to_string().into()),
        ("previous", previous),
    ]))
}

/// Follows the intent in the journal, which may be an earlier attempt's.
async fn make(ctx: &StepContext, repository: &Repository, guard: EffectGuard) -> Result<Intent, ActionError> {
    let intent: Intent = journal::read(guard.record())?;
    let by = journal::by(guard.record());
    let expect = intent.previous.clone().map_or(Expect::Absent, Expect::Is);
    let moved = ctx.services.images.move_tag(repository, &intent.tag, expect, Some(&intent.to), &by).await;
    match moved.map_err(fail)? {
        Moved::Done { .. } => {}
        // An earlier attempt moved it before it was lost.
        Moved::Conflict { found } if found.as_ref() == Some(&intent.to) => {}
        Moved::Conflict { found } => {
            guard.absent().await?;
            let found = found.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
            let tag = &intent.tag;
            return Err(ActionError::transient(format!(
                "somebody else moved {repository}:{tag} meanwhile; it names {found} now"
            ))
            .help("run the step again, or add a `retry`"));
        }
    }
    guard.made(json!({ "digest": intent.to })).await?;
    Ok(intent)
}
