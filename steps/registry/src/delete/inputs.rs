//! What is to be removed.

use engine_ports::{ActionError, Repository, StepContext};
use serde::Deserialize;
use vocab::{Digest, Inputs};

use crate::place;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) repository: Repository,
    /// The tag; without one, the image `reference`.
    pub(super) tag: Option<String>,
    /// Tag or digest, as the image store takes it.
    pub(super) reference: String,
}

pub(super) fn read(ctx: &StepContext, inputs: Inputs) -> Result<Request, ActionError> {
    let given: Given = steps_kit::inputs(inputs)?;
    let repository = place::repository(&ctx.tenant, &given.repository)?;
    let (tag, reference) = match (given.tag, given.digest) {
        (Some(tag), None) => {
            let tag = place::tag(&tag)?;
            (Some(tag.clone()), tag)
        }
        (None, Some(digest)) => (None, digest.to_string()),
        _ => {
            return Err(
                ActionError::permanent("it is not said what to remove").help("give either `tag` or `digest`")
            );
        }
    };
    Ok(Request { repository, tag, reference })
}
