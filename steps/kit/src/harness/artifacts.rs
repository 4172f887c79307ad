//! A content store in a temporary folder.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use engine_ports::{ArtifactError, ArtifactStore, ByteStream, HoldOwner};
use tree::{Limits, NormalizeOptions};
use vocab::{ArtifactKind, ArtifactRef};

use super::content::{Content, read_all, stream};

/// Really hashes, and really puts trees and images on disk. Refuses a tree that is not in the deterministic form.
pub struct FakeArtifacts {
    content: Arc<Content>,
    limits: Limits,
}

impl FakeArtifacts {
    pub(super) fn new(content: Arc<Content>) -> Self {
        Self { content, limits: Limits::from(&vocab::Limits::default()) }
    }

    /// Stores bytes, as `put_stream` does.
    pub fn put(&self, kind: ArtifactKind, bytes: &[u8]) -> Result<ArtifactRef, ArtifactError> {
        if kind == ArtifactKind::Tree {
            let options = NormalizeOptions::keep(self.limits, std::env::temp_dir());
            let normal = tree::normalize(bytes, std::io::sink(), &options)
                .map_err(|error| ArtifactError::Malformed(error.to_string()))?;
            if normal.digest != vocab::Digest::of(bytes) {
                return Err(ArtifactError::Malformed("the tree is not in the deterministic form".to_owned()));
            }
        }
        let (digest, size) = self.content.put(bytes);
        Ok(ArtifactRef { kind, digest, size })
    }

    /// Stores a small tree of text files, by path.
    pub fn put_files(&self, files: &[(&str, &str)]) -> ArtifactRef {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            let at = folder.path().join(path);
            fs::create_dir_all(at.parent().expect("a file lies in a folder")).expect("a folder");
            fs::write(at, text).expect("a file");
        }
        let options = tree::PackOptions {
            owners: tree::Owners::Root,
            modes: tree::Modes::Plain,
            ..tree::PackOptions::at(0, tree::Limits::from(&vocab::Limits::default()))
        };
        let mut bytes = Vec::new();
        tree::pack(folder.path(), &mut bytes, &options).expect("a folder of text files packs");
        self.put(ArtifactKind::Tree, &bytes).expect("what pack writes is in the form")
    }

    /// The bytes of an artifact.
    pub fn bytes(&self, artifact: &ArtifactRef) -> Vec<u8> {
        self.content.get(&artifact.digest).expect("the artifact is in the store")
    }
}

#[async_trait]
impl ArtifactStore for FakeArtifacts {
    async fn put_file(
        &self,
        _owner: &HoldOwner,
        kind: ArtifactKind,
        path: &Path,
    ) -> Result<ArtifactRef, ArtifactError> {
        let bytes = fs::read(path).map_err(|error| ArtifactError::Io(error.to_string()))?;
        self.put(kind, &bytes)
    }

    async fn put_stream(
        &self,
        _owner: &HoldOwner,
        kind: ArtifactKind,
        stream: ByteStream,
    ) -> Result<ArtifactRef, ArtifactError> {
        let bytes = read_all(stream).await.map_err(|error| ArtifactError::Io(error.to_string()))?;
        self.put(kind, &bytes)
    }

    async fn open(&self, artifact: &ArtifactRef) -> Result<ByteStream, ArtifactError> {
        self.content.get(&artifact.digest).map(stream)
    }

    async fn materialize(&self, artifact: &ArtifactRef, target: &Path) -> Result<(), ArtifactError> {
        let bytes = self.content.get(&artifact.digest)?;
        match artifact.kind {
            ArtifactKind::Tree => {
                let as_root = nix::unistd::geteuid().is_root();
                tree::unpack(bytes.as_slice(), target, &self.limits, as_root)
                    .map_err(|error| ArtifactError::Malformed(error.to_string()))?;
            }
            ArtifactKind::Image => self
                .content
                .write_layout(&artifact.digest, target)
                .map_err(|error| ArtifactError::Malformed(error.to_string()))?,
            _ => fs::write(target, bytes).map_err(|error| ArtifactError::Io(error.to_string()))?,
        }
        Ok(())
    }

    async fn hold(&self, _owner: &HoldOwner, artifact: &ArtifactRef) -> Result<(), ArtifactError> {
        self.content.get(&artifact.digest).map(drop)
    }

    async fn release(&self, _owner: &HoldOwner) -> Result<(), ArtifactError> {
        Ok(())
    }
}
