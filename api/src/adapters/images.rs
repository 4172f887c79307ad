//! Images and repositories, in the registry.

use std::path::Path;

use async_trait::async_trait;
use engine_ports::{
    ByteStream, Expect, HoldOwner, ImageError, ImageManifest, ImageStore, Moved, Pushed, Repository,
    Withdrawn,
};
use registry::{Error, Locator, Registry, RepositoryName, Tag, TagMove, Withdrawal};
use tokio_util::io::ReaderStream;
use vocab::{ArtifactKind, ArtifactRef, Digest};

/// The registry as steps see it.
pub(crate) struct RegistryImages(Registry);

impl RegistryImages {
    pub(crate) const fn new(registry: Registry) -> Self {
        Self(registry)
    }

    /// The image of that digest, held by `owner`.
    async fn held(&self, owner: &HoldOwner, digest: Digest) -> Result<ArtifactRef, ImageError> {
        let content = self.0.content();
        content.hold(&owner.to_string(), std::slice::from_ref(&digest)).await.map_err(refused)?;
        self.image(digest).await
    }

    async fn image(&self, digest: Digest) -> Result<ArtifactRef, ImageError> {
        let size = self.0.content().image_size(&digest).await.map_err(refused)?;
        Ok(ArtifactRef { kind: ArtifactKind::Image, digest, size })
    }
}

#[async_trait]
impl ImageStore for RegistryImages {
    async fn import_layout(&self, owner: &HoldOwner, layout: &Path) -> Result<ArtifactRef, ImageError> {
        let image = self.0.content().import_layout(layout).await.map_err(refused)?;
        self.held(owner, image.digest).await
    }

    async fn put_blob(&self, owner: &HoldOwner, stream: ByteStream) -> Result<(Digest, u64), ImageError> {
        let blob = self.0.content().put(ReaderStream::new(stream), None).await.map_err(refused)?;
        let digests = std::slice::from_ref(&blob.digest);
        self.0.content().hold(&owner.to_string(), digests).await.map_err(refused)?;
        Ok((blob.digest, blob.size))
    }

    async fn put_manifest(
        &self,
        owner: &HoldOwner,
        manifest: ImageManifest,
    ) -> Result<ArtifactRef, ImageError> {
        let stored = self.0.content().put_manifest(manifest.bytes.into(), &manifest.media_type).await;
        self.held(owner, stored.map_err(refused)?.digest).await
    }

    async fn manifest(&self, image: &Digest) -> Result<ImageManifest, ImageError> {
        let stored = self.0.content().manifest(image).await.map_err(refused)?;
        let stored = stored.ok_or_else(|| ImageError::Missing(format!("image {image}")))?;
        Ok(ImageManifest { media_type: stored.media_type, bytes: stored.bytes.to_vec() })
    }

    async fn open_blob(&self, blob: &Digest) -> Result<ByteStream, ImageError> {
        Ok(Box::pin(self.0.content().open_blob(blob).await.map_err(refused)?.file))
    }

    async fn push(
        &self,
        repository: &Repository,
        image: &ArtifactRef,
        by: &str,
    ) -> Result<Pushed, ImageError> {
        let name = named(repository)?;
        let new = self.0.catalog().link_image(&name, &image.digest, by).await.map_err(refused)?;
        Ok(Pushed { new, reference: format!("{repository}@{}", image.digest) })
    }

    async fn withdraw(
        &self,
        repository: &Repository,
        image: &Digest,
        publisher: &str,
        by: &str,
    ) -> Result<Withdrawn, ImageError> {
        let name = named(repository)?;
        let found = self.0.catalog().withdraw_image(&name, image, publisher, by).await.map_err(refused)?;
        Ok(match found {
            Withdrawal::Removed => Withdrawn::Gone,
            Withdrawal::Claimed => Withdrawn::Shared,
            Withdrawal::Tagged(tag) => Withdrawn::InUse(format!("the tag `{tag}`")),
            Withdrawal::Needed(index) => Withdrawn::InUse(format!("the index {index}")),
        })
    }

    async fn unpublish(&self, repository: &Repository, image: &Digest, by: &str) -> Result<(), ImageError> {
        let name = named(repository)?;
        let in_use = |why: String| Err(ImageError::InUse(format!("{repository}@{image}"), why));
        match self.0.catalog().delete_untagged(&name, image, by).await {
            Ok(None) => Ok(()),
            Ok(Some(tag)) => in_use(format!("the tag `{tag}` names it")),
            Err(Error::Needed { by, .. }) => in_use(format!("the index {by} needs it")),
            Err(error) => Err(refused(error)),
        }
    }

    async fn resolve(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Result<Option<ArtifactRef>, ImageError> {
        let locator: Locator =
            reference.parse().map_err(|error| ImageError::Malformed(format!("{error}")))?;
        let found = self.0.catalog().resolve(&named(repository)?, &locator).await.map_err(refused)?;
        match found {
            Some(found) => self.image(found.digest).await.map(Some),
            None => Ok(None),
        }
    }

    async fn move_tag(
        &self,
        repository: &Repository,
        tag: &str,
        expect: Expect,
        to: Option<&Digest>,
        by: &str,
    ) -> Result<Moved, ImageError> {
        let tag: Tag = tag.parse().map_err(|error| ImageError::Malformed(format!("{error}")))?;
        let expected = match expect {
            Expect::Any => registry::Expect::Any,
            Expect::Absent => registry::Expect::Absent,
            Expect::Is(digest) => registry::Expect::Is(digest),
        };
        let moved = self.0.catalog().move_tag(&named(repository)?, &tag, expected, to.cloned(), by).await;
        Ok(match moved.map_err(refused)? {
            TagMove::Moved { previous } => Moved::Done { previous },
            TagMove::Conflict { found } => Moved::Conflict { found },
        })
    }
}

fn named(repository: &Repository) -> Result<RepositoryName, ImageError> {
    repository
        .to_string()
        .parse()
        .map_err(|error: registry::NameError| ImageError::Malformed(error.to_string()))
}

fn refused(error: Error) -> ImageError {
    let text = error.to_string();
    match error {
        Error::UnknownContent { digest } => ImageError::Missing(format!("content {digest}")),
        Error::UnknownRepository { repository } => ImageError::Missing(format!("repository {repository}")),
        Error::UnknownManifest { repository, locator } => {
            ImageError::Missing(format!("{locator} in {repository}"))
        }
        Error::TooLarge { .. } => ImageError::Full(text),
        error if error.is_full() => ImageError::Full(text),
        Error::Name(_)
        | Error::Manifest(_)
        | Error::Layout { .. }
        | Error::DigestMismatch { .. }
        | Error::SizeMismatch { .. }
        | Error::MissingReferences { .. }
        | Error::WrongSize { .. } => ImageError::Malformed(text),
        _ => ImageError::Io(text),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use migrations::{Database, Options, Schema};
    use registry::{Event, Settings, Unbounded};
    use vocab::{ManualClock, SeededIds, TenantName};

    use super::*;

    /// A registry in a folder, with an image that holds nothing.
    async fn world(folder: &Path) -> (Registry, ArtifactRef) {
        let database = Database::open(folder.join("registry.db"), Schema::Registry, Options::default());
        let settings = Settings {
            folder: folder.to_owned(),
            clock: Arc::new(ManualClock::default()),
            ids: Arc::new(SeededIds::default()),
            admission: Arc::new(Unbounded),
            lease: Duration::from_secs(60),
            blob_bytes: 1 << 20,
            manifest_bytes: 1 << 20,
        };
        let registry = Registry::open(settings, database.await.unwrap(), 1).await.unwrap();
        let media_type = "application/vnd.oci.image.index.v1+json";
        let index = format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[]}}"#);
        let stored = registry.content().put_manifest(index.into(), media_type).await.unwrap();
        (registry, ArtifactRef { kind: ArtifactKind::Image, digest: stored.digest, size: stored.size })
    }

    #[tokio::test]
    async fn the_registry_hears_who_publishes_and_who_takes_back() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, image) = world(folder.path()).await;
        let mut events = registry.catalog().events();
        let images = RegistryImages::new(registry);
        let repository = Repository::new(&TenantName::default_tenant(), "golden/debian").unwrap();
        images.push(&repository, &image, "run:1/push").await.unwrap();
        let withdrawn = images.withdraw(&repository, &image.digest, "run:1/push", "undo of run:1/push").await;
        assert_eq!(withdrawn.unwrap(), Withdrawn::Gone);
        let Ok(Event::ManifestPushed { by, .. }) = events.recv().await else { panic!("no push was told") };
        assert_eq!(by, "run:1/push");
        let Ok(Event::ManifestDeleted { by, .. }) = events.recv().await else {
            panic!("no removal was told")
        };
        assert_eq!(by, "undo of run:1/push");
    }

    #[tokio::test]
    async fn what_two_runs_published_is_taken_out_by_neither_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (registry, image) = world(folder.path()).await;
        let images = RegistryImages::new(registry);
        let repository = Repository::new(&TenantName::default_tenant(), "golden/debian").unwrap();
        // Whoever looked before pushing would have found nothing there, in both runs.
        for run in ["run:1/push", "run:2/push"] {
            assert!(images.push(&repository, &image, run).await.unwrap().new);
        }
        let undo = async |run| images.withdraw(&repository, &image.digest, run, "undo").await.unwrap();
        assert_eq!(undo("run:1/push").await, Withdrawn::Shared);
        let reference = image.digest.to_string();
        assert_eq!(images.resolve(&repository, &reference).await.unwrap(), Some(image.clone()));
        images.move_tag(&repository, "latest", Expect::Absent, Some(&image.digest), "ann").await.unwrap();
        assert_eq!(undo("run:2/push").await, Withdrawn::InUse("the tag `latest`".to_owned()));
        let refused = images.unpublish(&repository, &image.digest, "ann").await;
        assert!(matches!(refused, Err(ImageError::InUse(..))), "{refused:?}");
    }
}
