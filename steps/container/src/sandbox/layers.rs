//! Looks at the layers of an image before a tool unpacks them: an entry that would leave the image is an error here, with
//! its name, whatever the tool makes of it.
//!
//! Layers under zstd are left to the tool, which unpacks below a changed root.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::path::{Component, Path, PathBuf};

use engine_ports::ActionError;
use flate2::read::MultiGzDecoder;
use serde_json::Value as Json;
use steps_kit::{blocking, io_failed};

/// A manifest or an index is not larger than this.
const DOCUMENT_BYTES: u64 = 8 * 1024 * 1024;
/// Manifests that are read of one layout at most.
const MANIFESTS: usize = 100;

/// Refuses an OCI layout with a layer that reaches out of the image.
pub(crate) async fn check_layers(layout: PathBuf) -> Result<(), ActionError> {
    blocking(move || check(&layout)).await
}

fn check(layout: &Path) -> Result<(), ActionError> {
    let mut waiting = descriptors(&document(&layout.join("index.json"))?, "manifests");
    let mut seen = BTreeSet::new();
    while let Some(digest) = waiting.pop() {
        if !seen.insert(digest.clone()) || seen.len() > MANIFESTS {
            continue;
        }
        let manifest = document(&blob(layout, &digest)?)?;
        waiting.extend(descriptors(&manifest, "manifests"));
        for layer in descriptors(&manifest, "layers") {
            if seen.insert(layer.clone()) {
                let path = blob(layout, &layer)?;
                let file = File::open(&path).map_err(io_failed("open", &path))?;
                check_layer(file, &layer)?;
            }
        }
    }
    Ok(())
}

fn document(path: &Path) -> Result<Json, ActionError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io_failed("open", path))?;
    file.take(DOCUMENT_BYTES).read_to_end(&mut bytes).map_err(io_failed("read", path))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ActionError::permanent(format!("the image's description is not readable: {error}")))
}

fn descriptors(document: &Json, list: &str) -> Vec<String> {
    let items = document[list].as_array().into_iter().flatten();
    items.filter_map(|item| item["digest"].as_str().map(str::to_owned)).collect()
}

fn blob(layout: &Path, digest: &str) -> Result<PathBuf, ActionError> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match digest.split_once(':').filter(|(kind, hex)| plain(kind) && plain(hex)) {
        Some((kind, hex)) => Ok(layout.join("blobs").join(kind).join(hex)),
        None => Err(ActionError::permanent("the image names a blob by what is no digest")),
    }
}

fn check_layer(mut file: File, digest: &str) -> Result<(), ActionError> {
    let unreadable = |error: std::io::Error| {
        ActionError::permanent(format!("layer {digest} of the image is damaged: {error}"))
    };
    let mut magic = [0; 4];
    let read = file.read(&mut magic).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let content: Box<dyn Read> = match magic[..read] {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        [0x28, 0xb5, 0x2f, 0xfd] => return Ok(()),
        _ => Box::new(BufReader::new(file)),
    };
    let mut archive = tar::Archive::new(content);
    for entry in archive.entries().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?;
        let hostile = |what: &str| {
            ActionError::permanent(format!("layer {digest} of the image holds `{}`, {what}", path.display()))
                .help("an image like that was not made by a build: find out who pushed it, and delete it")
        };
        if climbs(&path) {
            return Err(hostile("which leads out of the image"));
        }
        if entry.header().entry_type().is_hard_link()
            && entry.link_name().map_err(unreadable)?.is_none_or(|target| climbs(&target))
        {
            return Err(hostile("a hard link that leads out of the image"));
        }
    }
    Ok(())
}

fn climbs(path: &Path) -> bool {
    path.components().any(|part| part == Component::ParentDir)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// One entry, with whatever names; the crate itself would not write them.
    fn layer(name: &str, link: Option<&str>) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(0);
        header.set_mode(0o644);
        header.set_entry_type(link.map_or(tar::EntryType::Regular, |_| tar::EntryType::Link));
        if let Some(link) = link {
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        }
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }

    fn said(bytes: &[u8]) -> Result<(), ActionError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        check_layer(file, "sha256:abc")
    }

    #[test]
    fn an_entry_that_leads_out_is_named() {
        for (name, link) in [("../evil", None), ("a/../../evil", None), ("a", Some("../../etc/passwd"))] {
            let plain = layer(name, link);
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(&plain).unwrap();
            for bytes in [plain, gzip.finish().unwrap()] {
                let error = said(&bytes).unwrap_err();
                assert!(error.message.contains(&format!("`{name}`")), "{error}");
            }
        }
    }

    #[test]
    fn what_images_hold_passes() {
        for (name, link) in [("usr/bin/sh", None), ("./etc/..data", None), ("b", Some("usr/bin/sh"))] {
            said(&layer(name, link)).unwrap();
        }
    }
}
