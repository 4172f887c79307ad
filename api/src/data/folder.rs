//! Paths inside a data folder.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::DataError;
use super::error::io;

/// A data folder that exists, with its inner folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder at `path`, closed to other users; made where it is missing.
    ///
    /// # Errors
    /// When a folder cannot be made, or is open to others and cannot be closed, as one of another user.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        make(path)?;
        // Paths end up in rows and in configurations of tools that run elsewhere: make them whole once.
        let folder = Self(std::fs::canonicalize(path).map_err(io("open", path))?);
        for inner in [folder.logs(), folder.work(), folder.shims(), folder.secrets()] {
            make(&inner)?;
        }
        Ok(folder)
    }

    /// Closes the files of the databases to other users, and makes those that are missing so: the folder may be
    /// opened again, by hand or by a backup, and the database's own files take their mode from them.
    ///
    /// # Errors
    /// When a file cannot be made, or belongs to another user.
    pub(crate) fn close_databases(&self) -> Result<(), DataError> {
        for database in [self.engine_db(), self.registry_db()] {
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&database);
            drop(file.map_err(io("open", &database))?);
            for suffix in ["", "-wal", "-shm"] {
                let mut path = database.clone().into_os_string();
                path.push(suffix);
                close(Path::new(&path))?;
            }
        }
        Ok(())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Runs, events, projects.
    pub fn engine_db(&self) -> PathBuf {
        self.0.join("engine.db")
    }

    /// Repositories, manifests, tags.
    pub fn registry_db(&self) -> PathBuf {
        self.0.join("registry.db")
    }

    /// Logs of attempts.
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// Work folders of attempts.
    pub fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    /// Records of the processes that run tools.
    pub fn shims(&self) -> PathBuf {
        self.0.join("shims")
    }

    /// Copies of projects' repositories, to read workflows from. May be deleted while nothing runs.
    pub fn repositories(&self) -> PathBuf {
        self.0.join("repositories")
    }

    /// Secrets of tenants: `secrets/TENANT/NAME`.
    pub fn secrets(&self) -> PathBuf {
        self.0.join("secrets")
    }

    /// The admin's token.
    pub fn admin_token(&self) -> PathBuf {
        self.0.join("admin.token")
    }

    /// The key that seals secrets in the database.
    pub fn secret_key(&self) -> PathBuf {
        self.0.join("secret.key")
    }

    /// The lock of the process that works here.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Where the server that works here can be reached.
    pub fn endpoint(&self) -> PathBuf {
        self.0.join("server.json")
    }
}

fn make(path: &Path) -> Result<(), DataError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(io("make the folder", path))?;
    close(path)
}

/// Takes from a file or folder what others may do with it. One that is not there is closed.
fn close(path: &Path) -> Result<(), DataError> {
    let mode = match std::fs::metadata(path) {
        Ok(found) => found.permissions().mode() & 0o7777,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("read", path)(error)),
    };
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode & !0o077))
        .map_err(|source| DataError::Open { path: path.to_owned(), mode, source })?;
    tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "it was open to other users and is closed now");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_that_is_open_to_others_is_closed() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("data");
        for folder in [path.clone(), path.join("logs"), path.join("secrets")] {
            std::fs::create_dir(&folder).unwrap();
            std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        }
        let folder = DataFolder::open(&path).unwrap();
        for folder in [folder.path(), &folder.logs(), &folder.secrets(), &folder.work(), &folder.shims()] {
            assert_eq!(mode(folder), 0o700, "{}", folder.display());
        }
    }

    #[test]
    fn databases_are_closed_to_others_before_they_are_used() {
        let outer = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(outer.path()).unwrap();
        let log = outer.path().join("engine.db-wal");
        for file in [folder.engine_db(), log.clone()] {
            std::fs::write(&file, "kept").unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        }
        folder.close_databases().unwrap();
        for file in [folder.engine_db(), log, folder.registry_db()] {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
        assert_eq!(std::fs::read(folder.engine_db()).unwrap(), b"kept");
        assert!(!outer.path().join("registry.db-wal").exists());
    }
}
