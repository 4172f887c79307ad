//! Why a configuration is refused.

use std::path::PathBuf;

use super::Origin;

/// A configuration that cannot be used, with where it comes from and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Where the file would lie is no folder.
    #[error("{} is no folder; name another with --data-dir, IMAGE_FACTORY_DATA_DIR or --config", path.display())]
    NoFolder {
        /// What is there instead.
        path: PathBuf,
    },
    /// The file is not TOML.
    #[error("the configuration file {} is not TOML: {reason}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting `{key}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    Unknown {
        /// Where it was given.
        origin: Origin,
        /// What was given.
        key: String,
        /// The setting that was probably meant.
        nearest: Option<String>,
    },
    /// The value is not of the setting's kind.
    #[error("{origin}: `{key}` must be {expected}, not {found}")]
    WrongValue {
        /// Where it was given.
        origin: Origin,
        /// The setting.
        key: String,
        /// What it takes.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Values that do not go together, or that are not safe.
    #[error("{0}")]
    Refused(String),
    /// No folder for state can be found.
    #[error("no data folder is known: neither `--data-dir`, IMAGE_FACTORY_DATA_DIR nor HOME is set")]
    NoDataFolder,
}
