//! The private image storage of one attempt: in its work folder, gone with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_ports::{ActionError, ToolCommand};
use steps_kit::{Tools, io_failed};
use tokio_util::sync::CancellationToken;

/// The run root's name in the work folder. podman refuses a path of more than 50 characters, and a data folder may lie
/// deep: so it is told this name alone, and runs in the work folder.
const RUN: &str = "storage-run";

/// Where the storage notes that lower layers can be shown with other owners. In the versions of 2023 (such as Debian
/// 12's) that leaves the ids of the worker in the layer of a container with ids of its own; noted that it cannot be
/// done, the storage changes the owners itself, and back.
const NO_SHIFTING: &str = "overlay/idmapped-lower-dir-false";

/// How long the removal of a storage may take.
const REMOVAL: Duration = Duration::from_secs(60);

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
        Self { root: work.join("storage"), run: work.join(RUN) }
    }

    /// Has the storage change owners itself when a container has ids of its own. Before its first use.
    pub(crate) async fn without_shifting(&self) -> Result<(), ActionError> {
        let note = self.run.join(NO_SHIFTING);
        let folder = note.parent().unwrap_or(&self.run);
        tokio::fs::create_dir_all(folder).await.map_err(io_failed("create", folder))?;
        tokio::fs::write(&note, "").await.map_err(io_failed("write", &note))
    }

    /// The folder of all layers.
    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("overlay")
    }

    /// Removes it before the work folder goes. Root needs no help with that; for everybody else, the files belong
    /// to ids that only the namespace of `program` may touch.
    pub(crate) async fn remove(&self, program: &str, tools: &Tools<'_>, work: &Path, root: bool) {
        if root {
            return;
        }
        let mut command = ToolCommand::new(program, work)
            .args(["unshare", "--", "rm", "-rf", "--"])
            .args([&self.root, &self.run]);
        command.timeout = Some(REMOVAL);
        // Also when the attempt was stopped: the folder cannot go otherwise.
        let tools = Tools { cancel: &CancellationToken::new(), ..*tools };
        if let Err(error) = tools.run_any(command).await {
            tracing::warn!(%error, "a private storage stays in its work folder");
        }
    }

    /// What buildah and podman take in front of their command. They must run in the work folder.
    pub(crate) fn flags(&self) -> Vec<OsString> {
        let mut flags: Vec<OsString> = vec!["--root".into(), self.root.clone().into()];
        flags.extend(["--runroot".into(), RUN.into()]);
        flags.extend(["--storage-driver", "overlay"].map(OsString::from));
        flags
    }
}
