//! Paths inside a data folder.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::DataError;
use super::error::io;

/// A data folder that exists, with its inner folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder at `path`; made, closed to other users, where it is missing.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        make(path)?;
        // Paths end up in rows and in configurations of tools that run elsewhere: make them whole once.
        let folder = Self(std::fs::canonicalize(path).map_err(io("open", path))?);
        for inner in [folder.logs(), folder.work(), folder.shims(), folder.secrets()] {
            make(&inner)?;
        }
        Ok(folder)
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
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io("make the folder", path))
}
