//! What a shim writes down about itself, so that a later start finds what it left behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::processes::{self, Identity};

/// The variable that marks every process of a tool: `DATA-FOLDER-MARK:SHIM`.
pub(super) const MARK_VARIABLE: &str = "IMAGE_FACTORY_SHIM";

/// A shim and what lives below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShimRecord {
    /// The boot in which the identities hold.
    pub(super) boot: String,
    /// The shim.
    pub(super) shim: Identity,
    /// What lived below it when it last looked: covers those that cleared their environment.
    pub(super) below: Vec<Identity>,
}

impl ShimRecord {
    /// A record of this process.
    pub(super) fn of_this_process() -> io::Result<Self> {
        let pid = i32::try_from(std::process::id()).map_err(io::Error::other)?;
        let this = processes::process(pid).ok_or_else(|| io::Error::other("/proc does not know the shim"))?;
        Ok(Self { boot: processes::boot_id()?, shim: this.identity, below: Vec::new() })
    }

    /// Writes it to `path`, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let fresh = path.with_extension("new");
        let written = fs::write(&fresh, serde_json::to_vec(self)?).and_then(|()| fs::rename(&fresh, path));
        if written.is_err() {
            // Half a record helps nobody. Where it cannot be removed either, the next start does it.
            let _ = fs::remove_file(&fresh);
        }
        written
    }

    /// Reads one. What cannot be read counts as none: its processes still carry the marker.
    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }
}

/// Paths of the records in `folder`.
pub(super) fn records(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json" || extension == "new") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The mark of the data folder that `folder` belongs to; made at the first call.
///
/// It is bound to the folder's device and inode, so that a copy of a data folder never takes the original's
/// processes for its own.
pub(super) fn mark(folder: &Path) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt as _;

    fs::create_dir_all(folder)?;
    let path = folder.join("mark");
    let secret = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let fresh = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
            let unfinished = folder.join("mark.part");
            fs::write(&unfinished, &fresh)?;
            fs::rename(&unfinished, &path)?;
            fresh
        }
        Err(error) => return Err(error),
    };
    let place = fs::metadata(folder)?;
    let digest = vocab::Digest::of(format!("{}:{}:{}", secret.trim(), place.dev(), place.ino()));
    Ok(digest.hex()[..32].to_owned())
}
