//! The folder of blobs that the fakes share, as the real stores share theirs.

use std::fs;
use std::path::{Path, PathBuf};

use engine_ports::{ArtifactError, ByteStream, ImageError, ImageManifest};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use vocab::{ArtifactKind, ArtifactRef, Digest};

/// Blobs by digest, in a folder of their own.
pub(super) struct Content(TempDir);

impl Content {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.0.path().join(digest.hex())
    }

    pub(super) fn put(&self, bytes: &[u8]) -> (Digest, u64) {
        let digest = Digest::of(bytes);
        fs::write(self.path(&digest), bytes).expect("the temporary folder takes a blob");
        (digest, bytes.len() as u64)
    }

    pub(super) fn get(&self, digest: &Digest) -> Result<Vec<u8>, ArtifactError> {
        fs::read(self.path(digest)).map_err(|_| ArtifactError::Missing(digest.clone()))
    }

    /// The manifest of an image, with its media type.
    pub(super) fn manifest(&self, image: &Digest) -> Result<ImageManifest, ImageError> {
        let bytes = self.get(image).map_err(|_| ImageError::Missing(format!("image {image}")))?;
        let json: Json = serde_json::from_slice(&bytes)
            .map_err(|error| ImageError::Malformed(format!("{image} is no manifest: {error}")))?;
        let stated = json["mediaType"].as_str().map(str::to_owned);
        let guessed = if json["manifests"].is_array() {
            "application/vnd.oci.image.index.v1+json"
        } else {
            "application/vnd.oci.image.manifest.v1+json"
        };
        Ok(ImageManifest { media_type: stated.unwrap_or_else(|| guessed.to_owned()), bytes })
    }

    /// Every digest that an image consists of, its own first, and their size together. All must be there.
    pub(super) fn image_parts(&self, image: &Digest) -> Result<(Vec<Digest>, u64), ImageError> {
        let mut parts = vec![image.clone()];
        let manifest = self.manifest(image)?;
        let mut size = manifest.bytes.len() as u64;
        let json: Json = serde_json::from_slice(&manifest.bytes)
            .map_err(|error| ImageError::Malformed(error.to_string()))?;
        for child in json["manifests"].as_array().into_iter().flatten() {
            let (digests, bytes) = self.image_parts(&digest_of(child)?)?;
            parts.extend(digests);
            size += bytes;
        }
        for blob in json["layers"].as_array().into_iter().flatten().chain(json.get("config")) {
            let digest = digest_of(blob)?;
            let found = fs::metadata(self.path(&digest)).map_err(|_| {
                ImageError::Malformed(format!("{image} names the blob {digest}, which is not there"))
            })?;
            size += found.len();
            parts.push(digest);
        }
        Ok((parts, size))
    }

    pub(super) fn image(&self, image: &Digest) -> Result<ArtifactRef, ImageError> {
        let (_, size) = self.image_parts(image)?;
        Ok(ArtifactRef { kind: ArtifactKind::Image, digest: image.clone(), size })
    }

    /// Writes an image as an OCI image layout.
    pub(super) fn write_layout(&self, image: &Digest, target: &Path) -> Result<(), ImageError> {
        let io = |error: std::io::Error| ImageError::Io(error.to_string());
        let blobs = target.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(io)?;
        for part in self.image_parts(image)?.0 {
            fs::copy(self.path(&part), blobs.join(part.hex())).map_err(io)?;
        }
        let manifest = self.manifest(image)?;
        let index = serde_json::json!({ "schemaVersion": 2, "manifests": [{
            "mediaType": manifest.media_type, "digest": image.to_string(), "size": manifest.bytes.len(),
        }] });
        fs::write(target.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).map_err(io)?;
        fs::write(target.join("index.json"), index.to_string()).map_err(io)
    }

    /// Takes in every blob of a layout and gives the digest of its one image.
    pub(super) fn read_layout(&self, layout: &Path) -> Result<Digest, ImageError> {
        let malformed = |error: &dyn std::fmt::Display| ImageError::Malformed(format!("the layout: {error}"));
        let index = fs::read(layout.join("index.json")).map_err(|error| malformed(&error))?;
        let index: Json = serde_json::from_slice(&index).map_err(|error| malformed(&error))?;
        let [image] = index["manifests"].as_array().map_or(&[][..], Vec::as_slice) else {
            return Err(malformed(&"it must hold exactly one image"));
        };
        for blob in fs::read_dir(layout.join("blobs/sha256")).map_err(|error| malformed(&error))? {
            let blob = blob.map_err(|error| malformed(&error))?;
            let bytes = fs::read(blob.path()).map_err(|error| malformed(&error))?;
            let (digest, _) = self.put(&bytes);
            if blob.file_name() != digest.hex() {
                return Err(malformed(&format!("{} is not what its name says", blob.path().display())));
            }
        }
        digest_of(image)
    }
}

fn digest_of(descriptor: &Json) -> Result<Digest, ImageError> {
    let text = descriptor["digest"].as_str().unwrap_or_default();
    text.parse().map_err(|error| ImageError::Malformed(format!("a descriptor: {error}")))
}

pub(super) async fn read_all(mut stream: ByteStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

pub(super) fn stream(bytes: Vec<u8>) -> ByteStream {
    Box::pin(std::io::Cursor::new(bytes))
}
