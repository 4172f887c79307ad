//! The folder through which a step and its container speak: script in, outputs out.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use engine_ports::ActionError;
use steps_kit::read_results;
use vocab::Value;

use super::args::Mount;
use crate::sandbox::Lent;

/// Where it lies in the container. `/dev` is never part of an image.
const IN_CONTAINER: &str = "/dev/image-factory";

/// The folder on the worker.
#[derive(Debug)]
pub(super) struct Exchange(PathBuf);

impl Exchange {
    /// Makes it at `folder`, with the script and what is lent as files to the container. Blocks.
    pub(super) fn make(folder: PathBuf, script: Option<&str>, lent: &Lent) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        // Whoever the container runs as has to write here; the folder above keeps everybody else away.
        fs::set_permissions(&folder, Permissions::from_mode(0o777))?;
        let outputs = folder.join("outputs");
        fs::write(&outputs, "")?;
        fs::set_permissions(&outputs, Permissions::from_mode(0o666))?;
        if let Some(script) = script {
            fs::write(folder.join("script"), script)?;
        }
        if let Some(authorities) = &lent.authorities {
            fs::copy(authorities, folder.join("ca.pem"))?;
        }
        if let Some(apt) = &lent.apt {
            fs::rename(apt, folder.join("apt"))?;
        }
        Ok(Self(folder))
    }

    pub(super) fn mount(&self) -> Mount {
        Mount { source: self.0.clone(), target: IN_CONTAINER.to_owned(), read_only: false }
    }

    /// The command line that runs the script.
    pub(super) fn script_argv() -> Vec<String> {
        vec!["/bin/sh".to_owned(), "-eu".to_owned(), format!("{IN_CONTAINER}/script")]
    }

    /// The file that the container writes its outputs to, as the container sees it.
    pub(super) fn outputs_in_container() -> String {
        format!("{IN_CONTAINER}/outputs")
    }

    /// What the container wrote. Blocks for a moment.
    pub(super) fn read(&self) -> Result<BTreeMap<String, Value>, ActionError> {
        read_results(&self.0.join("outputs"))
    }
}
