//! What is written here, read by the specification's own types.

use std::fs;
use std::path::{Path, PathBuf};

use oci_spec::image::{
    Arch as SpecArch, Descriptor, ImageConfiguration, ImageIndex, ImageManifest, MediaType,
};
use oci_spec::image::{OciLayout, Os};
use vocab::Digest;

use super::write_layout;
use crate::arch::Arch;

fn layout(folder: &Path) -> PathBuf {
    let (tar, target) = (folder.join("base.tar"), folder.join("layout"));
    fs::write(&tar, [0; 1024]).unwrap();
    write_layout(&tar, &target, Arch::Arm64, "1970-01-01T00:00:00Z").unwrap();
    target
}

/// The blob that a descriptor names; it is what the descriptor says.
fn blob(layout: &Path, of: &Descriptor) -> PathBuf {
    let path = layout.join("blobs/sha256").join(of.as_digest_sha256().unwrap());
    let bytes = fs::read(&path).unwrap();
    assert_eq!((Digest::of(&bytes).to_string(), bytes.len() as u64), (of.digest().to_string(), of.size()));
    path
}

#[test]
fn a_layout_is_what_the_specification_says() {
    let folder = tempfile::tempdir().unwrap();
    let layout = layout(folder.path());
    assert_eq!(OciLayout::from_file(layout.join("oci-layout")).unwrap().image_layout_version(), "1.0.0");
    let index = ImageIndex::from_file(layout.join("index.json")).unwrap();
    let [listed] = index.manifests().as_slice() else { panic!("{index:?}") };
    assert_eq!(listed.media_type(), &MediaType::ImageManifest);
    let manifest = ImageManifest::from_file(blob(&layout, listed)).unwrap();
    let [layer] = manifest.layers().as_slice() else { panic!("{manifest:?}") };
    assert_eq!(layer.media_type(), &MediaType::ImageLayer);
    assert_eq!(manifest.config().media_type(), &MediaType::ImageConfig);
    let config = ImageConfiguration::from_file(blob(&layout, manifest.config())).unwrap();
    assert_eq!((config.architecture(), config.os()), (&SpecArch::ARM64, &Os::Linux));
    assert_eq!(config.rootfs().diff_ids(), &[layer.digest().to_string()], "the layer is not compressed");
    blob(&layout, layer);
}

#[test]
fn a_manifest_has_the_bytes_that_the_specifications_types_write() {
    let folder = tempfile::tempdir().unwrap();
    let layout = layout(folder.path());
    let index = ImageIndex::from_file(layout.join("index.json")).unwrap();
    let path = blob(&layout, &index.manifests()[0]);
    let manifest = ImageManifest::from_file(&path).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), manifest.to_string().unwrap());
}
