//! The folder through which a step and its container speak: script in, outputs out.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use engine_ports::ActionError;
use nix::fcntl::OFlag;
use steps_kit::io_failed;
use vocab::Value;

use super::args::Mount;
use super::outputs::{self, OUTPUTS_BYTES};

/// Where it lies in the container. `/dev` is never part of an image.
const IN_CONTAINER: &str = "/dev/image-factory";

/// The folder on the worker.
#[derive(Debug)]
pub(super) struct Exchange(PathBuf);

impl Exchange {
    /// Makes it at `folder`, with the script and the authorities that the container shall find. Blocks.
    pub(super) fn make(
        folder: PathBuf,
        script: Option<&str>,
        authorities: Option<&Path>,
    ) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        // Whoever the container runs as has to write here; the folder above keeps everybody else away.
        fs::set_permissions(&folder, Permissions::from_mode(0o777))?;
        let outputs = folder.join("outputs");
        fs::write(&outputs, "")?;
        fs::set_permissions(&outputs, Permissions::from_mode(0o666))?;
        if let Some(script) = script {
            fs::write(folder.join("script"), script)?;
        }
        if let Some(authorities) = authorities {
            fs::copy(authorities, folder.join("ca.pem"))?;
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

    /// What the container wrote. Blocks.
    ///
    /// The container could put anything in the file's place, so no link is followed and no pipe waited for.
    pub(super) fn read(&self) -> Result<BTreeMap<String, Value>, ActionError> {
        let path = self.0.join("outputs");
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let file = File::options().read(true).custom_flags(flags).open(&path);
        let file = file.map_err(io_failed("read $FACTORY_OUTPUTS at", &path))?;
        let is_file = file.metadata().is_ok_and(|data| data.is_file());
        let mut text = Vec::new();
        if !is_file {
            return Err(ActionError::permanent("$FACTORY_OUTPUTS is no file any more"));
        }
        file.take(OUTPUTS_BYTES + 1).read_to_end(&mut text).map_err(io_failed("read", &path))?;
        if text.len() as u64 > OUTPUTS_BYTES {
            return Err(ActionError::permanent(format!(
                "$FACTORY_OUTPUTS holds more than {OUTPUTS_BYTES} bytes"
            ))
            .help("put large results into the folder `collect`"));
        }
        let text = String::from_utf8(text)
            .map_err(|_| ActionError::permanent("$FACTORY_OUTPUTS is no UTF-8 text"))?;
        outputs::read(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_or_a_pipe_in_place_of_the_outputs_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let exchange = Exchange::make(folder.path().join("x"), Some("true"), None).unwrap();
        assert!(exchange.read().unwrap().is_empty());
        let outputs = exchange.0.join("outputs");
        fs::remove_file(&outputs).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &outputs).unwrap();
        assert!(exchange.read().is_err());
        fs::remove_file(&outputs).unwrap();
        nix::unistd::mkfifo(&outputs, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(exchange.read().is_err());
    }
}
