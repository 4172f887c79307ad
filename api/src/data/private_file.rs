//! Files that only their owner may read.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::DataError;
use super::error::io;

/// Secrets are short.
const MOST_BYTES: u64 = 64 * 1024;

/// So many random bytes from the system.
///
/// # Errors
/// When the system has none to give.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, DataError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| DataError::NoRandomness(error.to_string()))?;
    Ok(bytes)
}

/// The content of a file that only its owner may read; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, DataError> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io("open", path)(error)),
    };
    let mode = file.metadata().map_err(io("read", path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(DataError::Exposed { path: path.to_owned(), mode });
    }
    let mut content = Zeroizing::new(Vec::new());
    file.take(MOST_BYTES + 1).read_to_end(&mut content).map_err(io("read", path))?;
    if content.len() as u64 > MOST_BYTES {
        return Err(DataError::Damaged { path: path.to_owned(), reason: "it is too large".to_owned() });
    }
    Ok(Some(content))
}

/// Writes a new file of mode 0600, whole and on the disk, or not at all.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), DataError> {
    let partial = path.with_extension("partial");
    // A crash may have left one; its mode and content are not to be trusted.
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io("remove", &partial)(error));
        }
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)
        .map_err(io("make", &partial))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(io("write", &partial))?;
    std::fs::rename(&partial, path).map_err(io("rename", &partial))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("write", folder))
}
