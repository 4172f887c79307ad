//! Checks of what was pulled.

use std::path::Path;

use serde_json::Value as Json;
use vocab::Digest;

/// Hashes every blob of an OCI image layout against its name; how many there were.
pub(crate) fn rehash(layout: &Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(layout.join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let digest = Digest::of(std::fs::read(&path).unwrap());
        assert_eq!(Some(digest.hex()), path.file_name().and_then(|name| name.to_str()), "{}", path.display());
        count += 1;
    }
    let index: Json = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
    count
}
