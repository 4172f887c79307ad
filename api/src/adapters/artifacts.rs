//! Files between steps, in the content store.

use std::io::Cursor;
use std::path::Path;

use async_trait::async_trait;
use engine_ports::{ArtifactError, ArtifactStore, ByteStream, HoldOwner};
use registry::{Content, Error};
use tokio_util::io::ReaderStream;
use vocab::{ArtifactKind, ArtifactRef, Limits};

/// The content store of the registry room as steps see it.
pub(crate) struct RegistryArtifacts {
    content: Content,
    tree: tree::Limits,
}

impl RegistryArtifacts {
    pub(crate) fn new(content: Content, limits: &Limits) -> Self {
        Self { content, tree: limits.into() }
    }

    async fn unpack(&self, artifact: &ArtifactRef, target: &Path) -> Result<(), ArtifactError> {
        let archive = self.content.open_blob(&artifact.digest).await.map_err(refused)?;
        let archive = archive.file.into_std().await;
        let (target, limits) = (target.to_owned(), self.tree);
        let unpacked = tokio::task::spawn_blocking(move || {
            // Owners and devices can be set by root only; anybody else gets the files as their own.
            let as_root = nix::unistd::geteuid().is_root();
            tree::unpack(std::io::BufReader::new(archive), &target, &limits, as_root)
        });
        match unpacked.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(tree::Error::Io { source, action, at })) => {
                let text = format!("cannot {action} `{at}`: {source}");
                Err(if is_full(&source) { ArtifactError::Full(text) } else { ArtifactError::Io(text) })
            }
            Ok(Err(error)) => Err(ArtifactError::Malformed(error.to_string())),
            Err(error) => Err(ArtifactError::Io(error.to_string())),
        }
    }
}

#[async_trait]
impl ArtifactStore for RegistryArtifacts {
    async fn put_file(
        &self,
        owner: &HoldOwner,
        kind: ArtifactKind,
        path: &Path,
    ) -> Result<ArtifactRef, ArtifactError> {
        no_image(kind)?;
        let blob = self.content.put_file(path, None).await.map_err(refused)?;
        let artifact = ArtifactRef { kind, digest: blob.digest, size: blob.size };
        self.hold(owner, &artifact).await?;
        Ok(artifact)
    }

    async fn put_stream(
        &self,
        owner: &HoldOwner,
        kind: ArtifactKind,
        stream: ByteStream,
    ) -> Result<ArtifactRef, ArtifactError> {
        no_image(kind)?;
        let blob = self.content.put(ReaderStream::new(stream), None).await.map_err(refused)?;
        let artifact = ArtifactRef { kind, digest: blob.digest, size: blob.size };
        self.hold(owner, &artifact).await?;
        Ok(artifact)
    }

    async fn open(&self, artifact: &ArtifactRef) -> Result<ByteStream, ArtifactError> {
        if artifact.kind == ArtifactKind::Image {
            let manifest = self.content.manifest(&artifact.digest).await.map_err(refused)?;
            let manifest = manifest.ok_or_else(|| ArtifactError::Missing(artifact.digest.clone()))?;
            return Ok(Box::pin(Cursor::new(manifest.bytes)));
        }
        Ok(Box::pin(self.content.open_blob(&artifact.digest).await.map_err(refused)?.file))
    }

    async fn materialize(&self, artifact: &ArtifactRef, target: &Path) -> Result<(), ArtifactError> {
        if target.symlink_metadata().is_ok() {
            return Err(ArtifactError::Io(format!("{} is there already", target.display())));
        }
        match artifact.kind {
            ArtifactKind::Tree => self.unpack(artifact, target).await,
            ArtifactKind::Image => {
                let exported = self.content.export_layout(&artifact.digest, target, None).await;
                if exported.is_err() {
                    // The first error is the one to tell; the folder is inside the attempt's own.
                    let _ = tokio::fs::remove_dir_all(target).await;
                }
                exported.map_err(refused)
            }
            ArtifactKind::Disk | ArtifactKind::Sbom | ArtifactKind::Report => {
                self.content.copy_to(&artifact.digest, target).await.map_err(refused)
            }
        }
    }

    async fn hold(&self, owner: &HoldOwner, artifact: &ArtifactRef) -> Result<(), ArtifactError> {
        let digests = std::slice::from_ref(&artifact.digest);
        self.content.hold(&owner.to_string(), digests).await.map_err(refused)
    }

    async fn release(&self, owner: &HoldOwner) -> Result<(), ArtifactError> {
        self.content.release(&owner.to_string()).await.map_err(refused)
    }
}

/// An image is more than its manifest: it comes in through the image store, which checks all of it.
fn no_image(kind: ArtifactKind) -> Result<(), ArtifactError> {
    if kind == ArtifactKind::Image {
        return Err(ArtifactError::Malformed("an image is taken in as a layout, not as a file".to_owned()));
    }
    Ok(())
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

fn refused(error: Error) -> ArtifactError {
    let text = error.to_string();
    match error {
        Error::UnknownContent { digest } => ArtifactError::Missing(digest),
        Error::Lost { .. } => ArtifactError::Io(text),
        Error::TooLarge { .. } => ArtifactError::Full(text),
        error if error.is_full() => ArtifactError::Full(text),
        Error::Manifest(_)
        | Error::Layout { .. }
        | Error::DigestMismatch { .. }
        | Error::SizeMismatch { .. }
        | Error::MissingReferences { .. }
        | Error::WrongSize { .. } => ArtifactError::Malformed(text),
        _ => ArtifactError::Io(text),
    }
}
