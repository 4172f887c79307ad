//! Removes a folder that a step has filled, whatever it holds.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};

/// Why a folder is still there.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Something is mounted below and cannot be detached; nothing was removed.
    #[error("`{}` is mounted inside of a work folder and cannot be detached: {reason}", place.display())]
    Mounted {
        /// Where.
        place: PathBuf,
        /// What the kernel said.
        reason: nix::Error,
    },
    /// The file system refused.
    #[error("`{}` cannot be removed: {reason}", place.display())]
    Io {
        /// The folder.
        place: PathBuf,
        /// What it said.
        reason: io::Error,
    },
}

/// Removes `folder` with all that it holds; one that is not there is removed already.
///
/// Mounts below it are detached first, and never entered: when one cannot be detached, nothing is removed.
/// Read-only folders inside are made writable. Links are removed, not followed.
pub(crate) async fn remove(folder: PathBuf) -> Result<(), RemoveError> {
    let place = folder.clone();
    tokio::task::spawn_blocking(move || remove_now(&folder))
        .await
        .unwrap_or_else(|error| Err(RemoveError::Io { place, reason: io::Error::other(error) }))
}

pub(super) fn remove_now(folder: &Path) -> Result<(), RemoveError> {
    let io_error = |reason| RemoveError::Io { place: folder.to_owned(), reason };
    let real = match folder.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error(error)),
    };
    for place in mounts_below(&real).map_err(io_error)? {
        umount2(&place, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)
            .map_err(|reason| RemoveError::Mounted { place, reason })?;
    }
    match fs::remove_dir_all(&real) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(&real);
            fs::remove_dir_all(&real).map_err(io_error)
        }
        other => other.map_err(io_error),
    }
}

/// Mount points at or below `folder`, the deepest and latest first.
fn mounts_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let table = fs::read("/proc/self/mountinfo")?;
    let mut found: Vec<_> = table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(unescape)
        .filter(|place| place.starts_with(folder))
        .collect();
    found.reverse();
    found.sort_by_key(|place| std::cmp::Reverse(place.as_os_str().as_bytes().len()));
    Ok(found)
}

/// The kernel writes blanks and backslashes in mount points as three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        if let Some(byte) = octal {
            bytes.push(byte);
            rest = &tail[3..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Gives the owner back what a step took from itself. What fails here fails again, with its reason, at the removal.
fn make_writable(folder: &Path) {
    let walk = walkdir::WalkDir::new(folder).follow_links(false).same_file_system(true);
    // A folder that cannot be read is met as an error first: it is opened up and walked anew.
    for entry in walk {
        let path = match &entry {
            Ok(entry) if entry.file_type().is_dir() => entry.path(),
            Ok(_) => continue,
            Err(error) => match error.path() {
                Some(path) => path,
                None => continue,
            },
        };
        let opened = fs::set_permissions(path, fs::Permissions::from_mode(0o700)).is_ok();
        if entry.is_err() && opened && path != folder {
            make_writable(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_subtrees_are_removed_and_links_are_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let (folder, outside) = (home.path().join("work"), home.path().join("outside"));
        fs::create_dir_all(folder.join("a/b")).unwrap();
        fs::write(&outside, "kept").unwrap();
        fs::write(folder.join("a/b/file"), "x").unwrap();
        std::os::unix::fs::symlink(&outside, folder.join("a/link")).unwrap();
        fs::set_permissions(folder.join("a/b"), fs::Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(folder.join("a"), fs::Permissions::from_mode(0o500)).unwrap();
        remove_now(&folder).unwrap();
        assert!(!folder.exists());
        assert_eq!(fs::read_to_string(outside).unwrap(), "kept");
    }

    #[test]
    fn what_is_mounted_below_is_detached_and_keeps_its_content_by_mount() {
        use nix::mount::{MsFlags, mount};

        let test = "what_is_mounted_below_is_detached_and_keeps_its_content_by_mount";
        let home = tempfile::tempdir().unwrap();
        let (folder, outside) = (home.path().join("a folder"), home.path().join("outside"));
        fs::create_dir_all(folder.join("mnt")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "kept").unwrap();
        let bound = mount(Some(&outside), &folder.join("mnt"), None::<&str>, MsFlags::MS_BIND, None::<&str>);
        if let Err(error) = bound {
            test_parts::skipped("mount", test, &format!("a folder cannot be mounted: {error}"));
            return;
        }
        remove_now(&folder).unwrap();
        assert!(!folder.exists());
        assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "kept");
    }
}
