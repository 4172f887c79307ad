//! Repositories and tags in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use engine_ports::{
    ByteStream, Expect, HoldOwner, ImageError, ImageManifest, ImageStore, Moved, Pushed, Repository,
    Withdrawn,
};
use serde_json::json;
use vocab::{ArtifactRef, Digest};

use super::content::{Content, read_all, stream};

/// An image store with the rules of the real one: compare-and-set tags, nothing removed that a tag names, nothing
/// taken back that somebody else published. It knows no children.
pub struct FakeImages {
    content: Arc<Content>,
    repositories: Mutex<BTreeMap<String, State>>,
    authors: Mutex<Vec<String>>,
}

#[derive(Default)]
struct State {
    /// Each with who published it.
    images: BTreeMap<Digest, BTreeSet<String>>,
    tags: BTreeMap<String, Digest>,
}

impl FakeImages {
    pub(super) fn new(content: Arc<Content>) -> Self {
        Self { content, repositories: Mutex::default(), authors: Mutex::default() }
    }

    /// Stores an image with one small layer; another `seed`, another image.
    pub fn put_image(&self, seed: &str) -> ArtifactRef {
        let blob = |media_type: &str, bytes: &[u8]| {
            let (digest, size) = self.content.put(bytes);
            json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size })
        };
        let config = json!({ "architecture": "amd64", "os": "linux", "author": seed,
            "rootfs": { "type": "layers", "diff_ids": [] } });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes()),
            "layers": [blob("application/vnd.oci.image.layer.v1.tar", &[0; 1024])],
        });
        let (digest, _) = self.content.put(manifest.to_string().as_bytes());
        self.content.image(&digest).expect("all parts were stored just now")
    }

    /// All that clients of the registry could see: repositories, images, tags.
    pub fn snapshot(&self) -> String {
        let repositories = self.lock();
        let used = repositories.iter().filter(|(_, state)| !state.images.is_empty());
        let lines = used.map(|(name, state)| format!("{name}: {:?} {:?}\n", state.images.keys(), state.tags));
        lines.collect()
    }

    /// Who changed something, in order: `push by run:…`.
    pub fn authors(&self) -> Vec<String> {
        self.authors.lock().expect("no test panics while it holds this").clone()
    }

    fn sign(&self, what: &str, by: &str) {
        self.authors.lock().expect("no test panics while it holds this").push(format!("{what} by {by}"));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.repositories.lock().expect("no test panics while it holds this")
    }
}

#[async_trait]
impl ImageStore for FakeImages {
    async fn import_layout(&self, _owner: &HoldOwner, layout: &Path) -> Result<ArtifactRef, ImageError> {
        let image = self.content.read_layout(layout)?;
        self.content.image(&image)
    }

    async fn put_blob(&self, _owner: &HoldOwner, stream: ByteStream) -> Result<(Digest, u64), ImageError> {
        let bytes = read_all(stream).await.map_err(|error| ImageError::Io(error.to_string()))?;
        Ok(self.content.put(&bytes))
    }

    async fn put_manifest(
        &self,
        _owner: &HoldOwner,
        manifest: ImageManifest,
    ) -> Result<ArtifactRef, ImageError> {
        let (digest, _) = self.content.put(&manifest.bytes);
        self.content.image(&digest)
    }

    async fn manifest(&self, image: &Digest) -> Result<ImageManifest, ImageError> {
        self.content.manifest(image)
    }

    async fn open_blob(&self, blob: &Digest) -> Result<ByteStream, ImageError> {
        self.content.get(blob).map(stream).map_err(|_| ImageError::Missing(format!("blob {blob}")))
    }

    async fn push(
        &self,
        repository: &Repository,
        image: &ArtifactRef,
        by: &str,
    ) -> Result<Pushed, ImageError> {
        self.content.image(&image.digest)?;
        let mut repositories = self.lock();
        let state = repositories.entry(repository.to_string()).or_default();
        let new = state.images.entry(image.digest.clone()).or_default().insert(by.to_owned());
        if new {
            self.sign("push", by);
        }
        Ok(Pushed { new, reference: format!("{repository}@{}", image.digest) })
    }

    async fn withdraw(
        &self,
        repository: &Repository,
        image: &Digest,
        publisher: &str,
        by: &str,
    ) -> Result<Withdrawn, ImageError> {
        let mut repositories = self.lock();
        let Some(state) = repositories.get_mut(&repository.to_string()) else { return Ok(Withdrawn::Gone) };
        let Some(publishers) = state.images.get_mut(image) else { return Ok(Withdrawn::Gone) };
        if !publishers.remove(publisher) || !publishers.is_empty() {
            return Ok(Withdrawn::Shared);
        }
        if let Some((tag, _)) = state.tags.iter().find(|(_, named)| *named == image) {
            return Ok(Withdrawn::InUse(format!("the tag `{tag}`")));
        }
        state.images.remove(image);
        self.sign("withdraw", by);
        Ok(Withdrawn::Gone)
    }

    async fn unpublish(&self, repository: &Repository, image: &Digest, by: &str) -> Result<(), ImageError> {
        let mut repositories = self.lock();
        let missing = || ImageError::Missing(format!("image {repository}@{image}"));
        let state = repositories.get_mut(&repository.to_string()).ok_or_else(missing)?;
        if let Some((tag, _)) = state.tags.iter().find(|(_, named)| *named == image) {
            return Err(ImageError::InUse(format!("{repository}@{image}"), format!("tag {tag}")));
        }
        if state.images.remove(image).is_some() {
            self.sign("unpublish", by);
            Ok(())
        } else {
            Err(missing())
        }
    }

    async fn resolve(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Result<Option<ArtifactRef>, ImageError> {
        let found = {
            let repositories = self.lock();
            let state = repositories.get(&repository.to_string());
            state.and_then(|state| match reference.parse::<Digest>() {
                Ok(digest) => state.images.contains_key(&digest).then_some(digest),
                Err(_) => state.tags.get(reference).cloned(),
            })
        };
        found.map(|digest| self.content.image(&digest)).transpose()
    }

    async fn move_tag(
        &self,
        repository: &Repository,
        tag: &str,
        expect: Expect,
        to: Option<&Digest>,
        by: &str,
    ) -> Result<Moved, ImageError> {
        let mut repositories = self.lock();
        let state = repositories.entry(repository.to_string()).or_default();
        let found = state.tags.get(tag).cloned();
        let expected = match expect {
            Expect::Any => true,
            Expect::Absent => found.is_none(),
            Expect::Is(digest) => found.as_ref() == Some(&digest),
        };
        if !expected {
            return Ok(Moved::Conflict { found });
        }
        match to {
            Some(to) if !state.images.contains_key(to) => {
                return Err(ImageError::Missing(format!("image {repository}@{to}")));
            }
            Some(to) => state.tags.insert(tag.to_owned(), to.clone()),
            None => state.tags.remove(tag),
        };
        self.sign("move", by);
        Ok(Moved::Done { previous: found })
    }
}
