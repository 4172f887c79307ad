//! `registry/tag@v1`: moves a tag.

mod compensate;
mod execute;
mod inputs;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use engine_ports::{Action, ActionError, EffectRecord, Presence, StepContext, UndoContext, UndoOutcome};
use steps_kit::Manifest;
use vocab::{ActionManifest, ArtifactKind, Inputs, Outputs, Type};

/// The effect's name.
const TAG: &str = "tag";

/// Moves a tag.
pub(crate) struct RegistryTag(ActionManifest);

impl RegistryTag {
    pub(crate) fn new() -> Self {
        Self(
            Manifest::new("registry/tag", 1, "Moves a tag to an image of its repository.")
                .doc(
                    "The tag is made where there is none. It moves only if it still names what it named when the \
                     step began; if somebody else moves it in that moment, the step fails and may try again. Undo \
                     puts back what the tag named before, and only while it still names this image.\n\nGive the \
                     image as `reference`, as `registry/push@v1` gives it, or as `image` with its `repository`.",
                )
                .optional("reference", Type::String, "A published image: `TENANT/repository@sha256:…`, or a digest in `repository`.")
                .optional("image", Type::Artifact(ArtifactKind::Image), "The image, which was published in `repository`.")
                .optional("repository", Type::String, "The repository's name after the tenant; not needed with a whole `reference`.")
                .required("tag", Type::String, "The tag, such as `stable`.")
                .output("reference", Type::String, "How clients name it: `TENANT/repository:tag`, without the registry's host.")
                .output("digest", Type::Digest, "Digest of the image that the tag names.")
                .output("previous", Type::nullable(Type::Digest), "What the tag named before; null when there was none.")
                .effect(TAG, "The tag on the image; put back to what it named before while it still names the image.")
                .example(
                    "tag:\n  uses: registry/tag@v1\n  with:\n    reference: ${{ steps.push.outputs.reference }}\n    tag: stable\n",
                ),
        )
    }
}

#[async_trait]
impl Action for RegistryTag {
    fn manifest(&self) -> &ActionManifest {
        &self.0
    }

    async fn execute(&self, ctx: &StepContext, inputs: Inputs) -> Result<Outputs, ActionError> {
        execute::execute(ctx, &inputs::read(ctx, inputs)?).await
    }

    async fn probe(&self, ctx: &UndoContext, intent: &EffectRecord) -> Result<Presence, ActionError> {
        compensate::probe(ctx, intent).await
    }

    async fn compensate(&self, ctx: &UndoContext, effect: &EffectRecord) -> Result<UndoOutcome, ActionError> {
        compensate::compensate(ctx, effect).await
    }
}
