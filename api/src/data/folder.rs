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
    /// The folder at `path` as it is, if there is one: for whoever reads in it. Nothing in it is made or changed.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn existing(path: &Path) -> Result<Option<Self>, DataError> {
        match std::fs::canonicalize(path) {
            Ok(path) => Ok(path.is_dir().then_some(Self(path))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("open", path)(error)),
        }
    }

    /// The folder at `path` to work in, closed to other users; made where it is missing.
    ///
    /// # Errors
    /// When it holds files of something else, when a folder cannot be made, or when one is open to others and cannot
    /// be closed, as one of another user.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        refuse_foreign(path)?;
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

/// What only a data folder holds.
const MARKS: [&str; 6] =
    ["engine.db", "registry.db", "lock", "admin.token", "secret.key", "image-factory.toml"];
/// What may be there before the first start: what an operator puts there, and what a file system does.
const PREPARED: [&str; 2] = ["secrets", "lost+found"];

/// Refuses a folder of something else: taking from others what they may do in it could stop what it belongs to.
fn refuse_foreign(path: &Path) -> Result<(), DataError> {
    if MARKS.iter().any(|mark| path.join(mark).symlink_metadata().is_ok()) {
        return Ok(());
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("read", path)(error)),
    };
    for entry in entries {
        let name = entry.map_err(io("read", path))?.file_name();
        if !PREPARED.iter().any(|prepared| name == *prepared) {
            let found = name.to_string_lossy().into_owned();
            return Err(DataError::Foreign { path: path.to_owned(), found });
        }
    }
    Ok(())
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
        std::fs::write(path.join("engine.db"), "").unwrap();
        let folder = DataFolder::open(&path).unwrap();
        for folder in [folder.path(), &folder.logs(), &folder.secrets(), &folder.work(), &folder.shims()] {
            assert_eq!(mode(folder), 0o700, "{}", folder.display());
        }
    }

    #[test]
    fn whoever_only_reads_leaves_a_folder_as_it_is() {
        let outer = tempfile::tempdir().unwrap();
        std::fs::set_permissions(outer.path(), Permissions::from_mode(0o755)).unwrap();
        assert!(DataFolder::existing(outer.path()).unwrap().is_some());
        assert_eq!(mode(outer.path()), 0o755);
        assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 0);
        assert_eq!(DataFolder::existing(&outer.path().join("none")).unwrap(), None);
    }

    #[test]
    fn a_folder_of_something_else_is_refused_and_left_as_it_is() {
        let outer = tempfile::tempdir().unwrap();
        std::fs::set_permissions(outer.path(), Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(outer.path().join("secrets")).unwrap();
        std::fs::write(outer.path().join("index.html"), "").unwrap();
        let error = DataFolder::open(outer.path()).unwrap_err();
        assert!(error.to_string().contains("`index.html`"), "{error}");
        assert!(error.help().is_some_and(|help| help.contains("--data-dir")));
        assert_eq!(mode(outer.path()), 0o755);
        assert!(!outer.path().join("work").exists());
        std::fs::remove_file(outer.path().join("index.html")).unwrap();
        std::fs::create_dir(outer.path().join("lost+found")).unwrap();
        assert!(DataFolder::open(outer.path()).is_ok(), "what an operator prepares is no reason");
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
