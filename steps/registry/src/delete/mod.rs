//! `registry/delete@v1`: removes a tag or an image.

mod compensate;
mod execute;
mod inputs;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use engine_ports::{Action, ActionError, EffectRecord, Presence, StepContext, UndoContext, UndoOutcome};
use steps_kit::Manifest;
use vocab::{ActionManifest, Inputs, Outputs, Type};

/// The effect's name.
const DELETE: &str = "delete";

/// Removes a tag or an image.
pub(crate) struct RegistryDelete(ActionManifest);

impl RegistryDelete {
    pub(crate) fn new() -> Self {
        Self(
            Manifest::new("registry/delete", 1, "Removes a tag, or an image that no tag names, from a repository.")
                .doc(
                    "With `tag` the tag alone is removed; the image stays under its digest. With `digest` the image \
                     is taken out, which fails while a tag names it. What is not there is as good as removed. Until \
                     the run ends the image's bytes stay, so that undo can put it back; a tag that somebody made \
                     again meanwhile is left alone.",
                )
                .required("repository", Type::String, "The repository's name after the tenant, such as `golden/debian`.")
                .optional("tag", Type::String, "The tag to remove.")
                .optional("digest", Type::Digest, "The image to take out.")
                .output("digest", Type::nullable(Type::Digest), "What was removed, or what the tag named; null when there was nothing.")
                .effect(DELETE, "The missing tag or image; put back while nobody else has.")
                .example(
                    "clean:\n  uses: registry/delete@v1\n  with:\n    repository: golden/debian\n    tag: candidate\n",
                ),
        )
    }
}

#[async_trait]
impl Action for RegistryDelete {
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
