//! Which tag is to name which image.

use engine_ports::{ActionError, Repository, StepContext};
use serde::Deserialize;
use steps_kit::field::Artifact;
use vocab::{Digest, Inputs};

use crate::place;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    reference: Option<String>,
    image: Option<Artifact>,
    repository: Option<String>,
    tag: String,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) repository: Repository,
    pub(super) tag: String,
    pub(super) digest: Digest,
}

pub(super) fn read(ctx: &StepContext, inputs: Inputs) -> Result<Request, ActionError> {
    let given: Given = steps_kit::inputs(inputs)?;
    let tag = place::tag(&given.tag)?;
    let named = given.repository.map(|name| place::repository(&ctx.tenant, &name)).transpose()?;
    let (within, digest) = match (given.reference, given.image) {
        (Some(text), None) => place::reference(&ctx.tenant, &text)?,
        (None, Some(image)) => (None, image.digest.clone()),
        (Some(_), Some(_)) => {
            return Err(
                ActionError::permanent("both `reference` and `image` are given").help("give one of them")
            );
        }
        (None, None) => {
            return Err(ActionError::permanent("no image is given").help(
                "give `reference: ${{ steps.push.outputs.reference }}`, or `image` with `repository`",
            ));
        }
    };
    let repository = match (named, within) {
        (Some(named), Some(within)) if named != within => {
            return Err(ActionError::permanent(format!(
                "the reference lies in {within}, and not in {named}"
            ))
            .help("leave `repository` out, or publish the image there first"));
        }
        (Some(repository), _) | (None, Some(repository)) => repository,
        (None, None) => {
            return Err(ActionError::permanent("it is not said in which repository the tag is")
                .help("give `repository`, or a whole `reference`"));
        }
    };
    Ok(Request { repository, tag, digest })
}
