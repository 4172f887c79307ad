//! A small image that real clients can unpack.

use bytes::Bytes;
use registry::{Content, Descriptor};
use serde_json::json;
use vocab::Digest;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The parts of an image.
pub(crate) struct Image {
    pub(crate) layer: Bytes,
    pub(crate) config: Bytes,
    pub(crate) manifest: Bytes,
}

/// An image of one layer with one file that holds `text`.
pub(crate) fn image(text: &str) -> Image {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    tar.append_data(&mut header, "etc/motd", text.as_bytes()).unwrap();
    let layer = Bytes::from(tar.into_inner().unwrap());
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": { "Cmd": ["/bin/true"] },
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&layer)] },
        "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "test" }],
    });
    let config = Bytes::from(config.to_string());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": Digest::of(&config), "size": config.len(),
        },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": Digest::of(&layer), "size": layer.len(),
        }],
    });
    Image { layer, config, manifest: manifest.to_string().into() }
}

impl Image {
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// Puts all parts into a content store.
    pub(crate) async fn put(&self, content: &Content) -> Descriptor {
        content.put_bytes(self.layer.clone()).await.unwrap();
        content.put_bytes(self.config.clone()).await.unwrap();
        content.put_manifest(self.manifest.clone(), MANIFEST).await.unwrap()
    }

    /// Pushes all parts over HTTP; the manifest under `reference`.
    pub(crate) async fn push(
        &self,
        client: &super::Client,
        repository: &str,
        reference: &str,
    ) -> super::Reply {
        client.push_blob(repository, self.layer.clone()).await;
        client.push_blob(repository, self.config.clone()).await;
        client.put(&format!("/v2/{repository}/manifests/{reference}"), MANIFEST, self.manifest.clone()).await
    }
}
