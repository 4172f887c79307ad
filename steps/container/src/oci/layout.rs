//! A root file system as an OCI image layout on disk, for tools that take images only as such.

use std::fs::File;
use std::io;
use std::path::Path;

use serde_json::json;
use vocab::{Algorithm, Digest, Hasher};

use super::config::{ConfigChanges, config};
use super::layer::{Descriptor, PLAIN};
use super::manifest::{CONFIG, MANIFEST, manifest};
use crate::arch::Arch;

/// Writes the image whose one layer is the tar file `tar` to the folder `target`, which must not exist. Blocks.
///
/// The layer is not compressed, since whoever reads it is on this machine. `tar` is moved, so it must lie on the
/// same file system.
pub(crate) fn write_layout(tar: &Path, target: &Path, arch: Arch, created: &str) -> io::Result<()> {
    let blobs = target.join("blobs/sha256");
    std::fs::create_dir_all(&blobs)?;
    let (digest, size) = hash(tar)?;
    std::fs::rename(tar, blobs.join(digest.hex()))?;
    let layer = Descriptor { media_type: PLAIN.to_owned(), digest: digest.clone(), size };
    let by = "the base tree of the build".to_owned();
    let config = config(None, &ConfigChanges::default(), arch, created, &[(digest, by)]);
    let config = put(&blobs, CONFIG, config.to_string().as_bytes())?;
    let manifest = put(&blobs, MANIFEST, &manifest(&config, &[layer]))?;
    std::fs::write(target.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let index = json!({ "schemaVersion": 2, "manifests": [manifest.json()] });
    std::fs::write(target.join("index.json"), index.to_string())
}

fn put(blobs: &Path, media_type: &str, bytes: &[u8]) -> io::Result<Descriptor> {
    let digest = Digest::of(bytes);
    std::fs::write(blobs.join(digest.hex()), bytes)?;
    Ok(Descriptor { media_type: media_type.to_owned(), digest, size: bytes.len() as u64 })
}

fn hash(path: &Path) -> io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 128 * 1024];
    let mut size = 0;
    loop {
        let count = io::Read::read(&mut file, &mut buffer)?;
        if count == 0 {
            return Ok((hasher.finish(), size));
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
    }
}
