//! What no step of the bench asks for: whoever does is refused.

use std::path::Path;

use async_trait::async_trait;
use engine_ports::{
    ArtifactError, ArtifactStore, ByteStream, Expect, HoldOwner, ImageError, ImageManifest, ImageStore,
    Moved, Pushed, Repository, SecretError, SecretStore, SecretText, Withdrawn,
};
use vocab::{ArtifactKind, ArtifactRef, Digest, SecretRef, TenantName};

/// Neither artifacts, images nor secrets.
pub(crate) struct Absent;

fn no_content<T>() -> Result<T, ArtifactError> {
    Err(ArtifactError::Io("the bench has none".to_owned()))
}

fn no_images<T>() -> Result<T, ImageError> {
    Err(ImageError::Io("the bench has none".to_owned()))
}

#[async_trait]
impl ArtifactStore for Absent {
    async fn put_file(&self, _: &HoldOwner, _: ArtifactKind, _: &Path) -> Result<ArtifactRef, ArtifactError> {
        no_content()
    }

    async fn put_stream(
        &self,
        _: &HoldOwner,
        _: ArtifactKind,
        _: ByteStream,
    ) -> Result<ArtifactRef, ArtifactError> {
        no_content()
    }

    async fn open(&self, _: &ArtifactRef) -> Result<ByteStream, ArtifactError> {
        no_content()
    }

    async fn materialize(&self, _: &ArtifactRef, _: &Path) -> Result<(), ArtifactError> {
        no_content()
    }

    async fn hold(&self, _: &HoldOwner, _: &ArtifactRef) -> Result<(), ArtifactError> {
        no_content()
    }

    async fn release(&self, _: &HoldOwner) -> Result<(), ArtifactError> {
        no_content()
    }
}

#[async_trait]
impl ImageStore for Absent {
    async fn import_layout(&self, _: &HoldOwner, _: &Path) -> Result<ArtifactRef, ImageError> {
        no_images()
    }

    async fn put_blob(&self, _: &HoldOwner, _: ByteStream) -> Result<(Digest, u64), ImageError> {
        no_images()
    }

    async fn put_manifest(&self, _: &HoldOwner, _: ImageManifest) -> Result<ArtifactRef, ImageError> {
        no_images()
    }

    async fn manifest(&self, _: &Digest) -> Result<ImageManifest, ImageError> {
        no_images()
    }

    async fn open_blob(&self, _: &Digest) -> Result<ByteStream, ImageError> {
        no_images()
    }

    async fn push(&self, _: &Repository, _: &ArtifactRef, _: &str) -> Result<Pushed, ImageError> {
        no_images()
    }

    async fn withdraw(&self, _: &Repository, _: &Digest, _: &str, _: &str) -> Result<Withdrawn, ImageError> {
        no_images()
    }

    async fn unpublish(&self, _: &Repository, _: &Digest, _: &str) -> Result<(), ImageError> {
        no_images()
    }

    async fn resolve(&self, _: &Repository, _: &str) -> Result<Option<ArtifactRef>, ImageError> {
        no_images()
    }

    async fn move_tag(
        &self,
        _: &Repository,
        _: &str,
        _: Expect,
        _: Option<&Digest>,
        _: &str,
    ) -> Result<Moved, ImageError> {
        no_images()
    }
}

#[async_trait]
impl SecretStore for Absent {
    async fn get(&self, _: &TenantName, secret: &SecretRef) -> Result<SecretText, SecretError> {
        Err(SecretError::Missing(secret.0.clone()))
    }
}
