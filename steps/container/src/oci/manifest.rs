//! The manifest of one image.

use serde_json::json;

use super::layer::Descriptor;

/// The media type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of a config.
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The manifest over a config and its layers, lowest first, byte for byte the same for the same parts.
pub(crate) fn manifest(config: &Descriptor, layers: &[Descriptor]) -> Vec<u8> {
    let layers: Vec<_> = layers.iter().map(Descriptor::json).collect();
    json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config.json(), "layers": layers })
        .to_string()
        .into_bytes()
}
