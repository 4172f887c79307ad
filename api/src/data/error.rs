//! What can be wrong with a data folder.

use std::path::PathBuf;

use super::Holder;

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder cannot be made, read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process works in the folder.
    #[error("the data folder {} is in use{}", path.display(), holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Who works in it, where that could be read.
        holder: Option<Holder>,
    },
    /// The folder holds files of something else.
    #[error("{} is no data folder: it holds `{found}`, and no file of a factory", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// One of the entries that are not ours.
        found: String,
    },
    /// A file that holds a secret does not hold one.
    #[error("{} does not hold what it should: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file with a secret can be read by others.
    #[error("{} can be read by others (mode {mode:o}); run `chmod 600` on it, and replace the secret if anybody may have seen it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file or folder is open to other users, and cannot be closed.
    #[error("{} is open to other users (mode {mode:o}) and cannot be closed: {source}; run `chmod go=` on it as its owner, or choose another folder with --data-dir", path.display())]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    NoRandomness(String),
}

impl DataError {
    /// What to do about it, where there is something to say.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::InUse { holder: Some(holder), path } if holder.url.is_some() => Some(format!(
                "talk to it with `image-factory runs list --data-dir {0}`, stop it, or choose another folder with --data-dir",
                path.display()
            )),
            Self::InUse { .. } => {
                Some("wait until it has ended, or choose another folder with --data-dir".to_owned())
            }
            Self::Io { .. } => Some(
                "choose another folder with --data-dir, or make this one writable for who runs the command"
                    .to_owned(),
            ),
            Self::Foreign { path, .. } => Some(format!(
                "name an empty folder, or one that is not there yet, with --data-dir, as {}",
                path.join("image-factory").display()
            )),
            _ => None,
        }
    }
}

/// Turns an I/O error into one that names the action and the path.
pub(super) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> DataError {
    let path = path.to_owned();
    move |source| DataError::Io { action, path, source }
}
