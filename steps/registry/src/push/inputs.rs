//! What is to be published, and where.

use engine_ports::{ActionError, Repository, StepContext};
use serde::Deserialize;
use steps_kit::field::Artifact;
use vocab::{ArtifactRef, Inputs};

use crate::place;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    image: Artifact,
    repository: String,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) image: ArtifactRef,
    pub(super) repository: Repository,
}

pub(super) fn read(ctx: &StepContext, inputs: Inputs) -> Result<Request, ActionError> {
    let given: Given = steps_kit::inputs(inputs)?;
    Ok(Request { image: given.image.into(), repository: place::repository(&ctx.tenant, &given.repository)? })
}
