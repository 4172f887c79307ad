//! `registry/push@v1`: an image into a repository, by digest.

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
const PUBLISH: &str = "publish";

/// Publishes an image.
pub(crate) struct RegistryPush(ActionManifest);

impl RegistryPush {
    pub(crate) fn new() -> Self {
        Self(
            Manifest::new("registry/push", 1, "Publishes an image in the factory's registry, by digest.")
                .doc(
                    "Puts the image into a repository of the tenant. No tag moves, so nothing that clients follow \
                     changes: `registry/tag@v1` does that. No byte moves either, since the image is in the store \
                     already.",
                )
                .required("image", Type::Artifact(ArtifactKind::Image), "The image.")
                .required("repository", Type::String, "The repository's name after the tenant, such as `golden/debian`.")
                .output("reference", Type::String, "How clients name it: `TENANT/repository@sha256:…`, without the registry's host.")
                .output("digest", Type::Digest, "Digest of the image's manifest.")
                .effect(PUBLISH, "The image in the repository; taken out again, unless somebody else published it too or refers to it.")
                .example(
                    "push:\n  uses: registry/push@v1\n  with:\n    image: ${{ steps.build.outputs.image }}\n    repository: golden/debian\n",
                ),
        )
    }
}

#[async_trait]
impl Action for RegistryPush {
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
