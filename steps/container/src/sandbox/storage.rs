//! The private image storage of one attempt: in its work folder, gone with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where an attempt keeps images and containers.
///
/// The driver is always `overlay`: another one gives layers with other bytes.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    root: PathBuf,
    run: PathBuf,
}

impl Storage {
    /// A storage below `work`.
    pub(crate) fn below(work: &Path) -> Self {
        Self { root: work.join("storage"), run: work.join("storage-run") }
    }

    /// The folders that it fills.
    pub(crate) fn folders(&self) -> [&Path; 2] {
        [&self.root, &self.run]
    }

    /// What buildah and podman take in front of their command.
    pub(crate) fn flags(&self) -> Vec<OsString> {
        let mut flags: Vec<OsString> = vec!["--root".into(), self.root.clone().into()];
        flags.extend(["--runroot".into(), self.run.clone().into()]);
        flags.extend(["--storage-driver", "overlay"].map(OsString::from));
        flags
    }
}
