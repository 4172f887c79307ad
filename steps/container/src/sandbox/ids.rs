//! Ids of users: those of a container, and those on the worker that stand for them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value as Json;
use vocab::Digest;

use crate::oci::PLAIN;

/// The first user id on the worker that stands for a user of a container, when the factory is root.
///
/// Ids from here on belong to nobody on the worker: who breaks out of the container is nobody.
pub(crate) const FIRST_ID: u32 = 0x4000_0000;
/// How many ids a container has.
pub(crate) const IDS: u32 = 65_536;

/// A file in the last layer of the one image of an OCI layout whose owner is an id of the worker. Blocks.
///
/// Not every version of buildah gives files their owners back when it makes a layer out of them.
pub(crate) fn foreign_owner(layout: &Path) -> io::Result<Option<String>> {
    let index = json(&layout.join("index.json"))?;
    let manifest = json(&blob(layout, index.pointer("/manifests/0/digest"))?)?;
    let Some(layer) = manifest["layers"].as_array().and_then(|layers| layers.last()) else { return Ok(None) };
    let file = BufReader::new(File::open(blob(layout, layer.get("digest"))?)?);
    let is_plain = layer["mediaType"] == PLAIN;
    let plain: Box<dyn Read> = if is_plain { Box::new(file) } else { Box::new(MultiGzDecoder::new(file)) };
    for entry in tar::Archive::new(plain).entries()? {
        let entry = entry?;
        let (user, group) = (entry.header().uid()?, entry.header().gid()?);
        if user.max(group) >= u64::from(FIRST_ID) {
            return Ok(Some(entry.path()?.display().to_string()));
        }
    }
    Ok(None)
}

fn json(path: &Path) -> io::Result<Json> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn blob(layout: &Path, digest: Option<&Json>) -> io::Result<std::path::PathBuf> {
    let digest = digest.and_then(Json::as_str).and_then(|text| text.parse::<Digest>().ok());
    let digest = digest.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it names no digest"))?;
    Ok(layout.join("blobs").join("sha256").join(digest.hex()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;
    use crate::oci::write_layout;

    #[test]
    fn an_owner_that_no_container_has_is_found() {
        for (user, found) in [(0, None), (1000, None), (u64::from(FIRST_ID) + 1000, Some("a".to_owned()))] {
            let folder = tempfile::tempdir().unwrap();
            let tar = folder.path().join("tar");
            let mut builder = tar::Builder::new(File::create(&tar).unwrap());
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_uid(user);
            header.set_gid(0);
            builder.append_data(&mut header, "a", io::empty()).unwrap();
            builder.into_inner().unwrap();
            let layout = folder.path().join("layout");
            write_layout(&tar, &layout, Arch::Amd64, "1970-01-01T00:00:00Z").unwrap();
            assert_eq!(foreign_owner(&layout).unwrap(), found);
        }
    }
}
