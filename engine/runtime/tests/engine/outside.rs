//! The world outside of the engine: what actions did to it, written down by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use async_trait::async_trait;
use engine_ports::{
    ArtifactError, ArtifactStore, ByteStream, Expect, HoldOwner, ImageError, ImageManifest, ImageStore,
    Moved, Pushed, Repository, SecretError, SecretStore, SecretText, StepLog, ToolCommand, ToolError,
    ToolExit, ToolRunner, Withdrawn,
};
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;
use vocab::{ArtifactKind, ArtifactRef, Digest, SecretRef, StepPath, TenantName};

/// What happened, in order; what is there follows from it.
pub(crate) struct Outside(Log);

enum Log {
    Memory(Mutex<Vec<String>>),
    /// A line for each event: for several processes.
    File(PathBuf),
}

impl Default for Outside {
    fn default() -> Self {
        Self(Log::Memory(Mutex::default()))
    }
}

impl Outside {
    pub(crate) const fn in_file(path: PathBuf) -> Self {
        Self(Log::File(path))
    }

    pub(crate) fn note(&self, event: String) {
        match &self.0 {
            Log::Memory(events) => events.lock().unwrap().push(event),
            Log::File(path) => {
                let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
                file.write_all(format!("{event}\n").as_bytes()).unwrap();
            }
        }
    }

    pub(crate) fn make(&self, thing: &str) {
        self.note(format!("made {thing}"));
    }

    pub(crate) fn unmake(&self, thing: &str) {
        self.note(format!("unmade {thing}"));
    }

    pub(crate) fn has(&self, thing: &str) -> bool {
        self.things().iter().any(|there| there == thing)
    }

    pub(crate) fn things(&self) -> Vec<String> {
        let mut things = BTreeSet::new();
        for event in self.events() {
            match event.split_once(' ') {
                Some(("made", thing)) if !thing.contains(' ') => _ = things.insert(thing.to_owned()),
                Some(("unmade", thing)) => _ = things.remove(thing),
                _ => {}
            }
        }
        things.into_iter().collect()
    }

    pub(crate) fn events(&self) -> Vec<String> {
        match &self.0 {
            Log::Memory(events) => events.lock().unwrap().clone(),
            Log::File(path) => {
                let text = std::fs::read_to_string(path).unwrap_or_default();
                text.lines().map(str::to_owned).collect()
            }
        }
    }

    /// Waits until `event` was noted.
    pub(crate) async fn until(&self, event: &str) {
        for _ in 0..3000 {
            if self.count(event) > 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("`{event}` never happened: {:#?}", self.events());
    }

    /// Attempts of the step, of all runs.
    pub(crate) fn attempts(&self, path: &StepPath) -> usize {
        let begin = format!("ran {path} ");
        self.events().iter().filter(|seen| seen.starts_with(&begin)).count()
    }

    pub(crate) fn count(&self, event: &str) -> usize {
        self.events().iter().filter(|seen| *seen == event).count()
    }
}

type Held = (Vec<u8>, BTreeSet<HoldOwner>);

/// A content store in memory.
#[derive(Default)]
pub(crate) struct MemoryArtifacts {
    content: Mutex<BTreeMap<Digest, Held>>,
}

impl MemoryArtifacts {
    /// Loses everything, as a broken disk would.
    pub(crate) fn lose_all(&self) {
        self.content.lock().unwrap().clear();
    }

    pub(crate) fn owners(&self, digest: &Digest) -> Vec<HoldOwner> {
        let content = self.content.lock().unwrap();
        content.get(digest).map(|(_, owners)| owners.iter().cloned().collect()).unwrap_or_default()
    }
}

#[async_trait]
impl ArtifactStore for MemoryArtifacts {
    async fn put_file(
        &self,
        owner: &HoldOwner,
        kind: ArtifactKind,
        path: &Path,
    ) -> Result<ArtifactRef, ArtifactError> {
        let bytes = std::fs::read(path).map_err(|error| ArtifactError::Io(error.to_string()))?;
        self.put_stream(owner, kind, Box::pin(std::io::Cursor::new(bytes))).await
    }

    async fn put_stream(
        &self,
        owner: &HoldOwner,
        kind: ArtifactKind,
        mut stream: ByteStream,
    ) -> Result<ArtifactRef, ArtifactError> {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.map_err(|error| ArtifactError::Io(error.to_string()))?;
        let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
        let mut content = self.content.lock().unwrap();
        content.entry(digest.clone()).or_insert_with(|| (bytes, BTreeSet::new())).1.insert(owner.clone());
        Ok(ArtifactRef { kind, digest, size })
    }

    async fn open(&self, artifact: &ArtifactRef) -> Result<ByteStream, ArtifactError> {
        let content = self.content.lock().unwrap();
        let found = content.get(&artifact.digest).ok_or(ArtifactError::Missing(artifact.digest.clone()))?;
        Ok(Box::pin(std::io::Cursor::new(found.0.clone())))
    }

    async fn materialize(&self, _: &ArtifactRef, _: &Path) -> Result<(), ArtifactError> {
        Err(ArtifactError::Io("not in these tests".to_owned()))
    }

    async fn hold(&self, owner: &HoldOwner, artifact: &ArtifactRef) -> Result<(), ArtifactError> {
        let mut content = self.content.lock().unwrap();
        let found =
            content.get_mut(&artifact.digest).ok_or(ArtifactError::Missing(artifact.digest.clone()))?;
        found.1.insert(owner.clone());
        Ok(())
    }

    async fn release(&self, owner: &HoldOwner) -> Result<(), ArtifactError> {
        for (_, owners) in self.content.lock().unwrap().values_mut() {
            owners.remove(owner);
        }
        Ok(())
    }
}

/// Images and tools play no part here.
pub(crate) struct Nothing;

fn no_images<T>() -> Result<T, ImageError> {
    Err(ImageError::Io("no images in these tests".to_owned()))
}

#[async_trait]
impl ImageStore for Nothing {
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
impl ToolRunner for Nothing {
    async fn run(
        &self,
        command: ToolCommand,
        _: &dyn StepLog,
        _: &CancellationToken,
    ) -> Result<ToolExit, ToolError> {
        Err(ToolError::NotFound(command.program))
    }

    fn find(&self, _: &str) -> Option<std::path::PathBuf> {
        None
    }
}

/// Every secret of these tests has the same text.
pub(crate) struct OneSecret;

pub(crate) const SECRET: &str = "correct horse battery";

#[async_trait]
impl SecretStore for OneSecret {
    async fn get(&self, _: &TenantName, _: &SecretRef) -> Result<SecretText, SecretError> {
        Ok(SecretText::new(SECRET.to_owned()))
    }
}
