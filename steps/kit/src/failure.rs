//! Which class an error of a port has for the step that met it.

use std::io;
use std::path::Path;

use engine_ports::{ActionError, ArtifactError, ImageError, RepositoryError, SecretError};
use vocab::ErrorClass;

/// An error that a step may meet.
pub trait Failure: std::error::Error {
    /// What kind of failure it is.
    fn class(&self) -> ErrorClass;

    /// What to do about it, where there is something.
    fn help(&self) -> Option<String> {
        None
    }
}

/// The step's error for an error of a port: `.map_err(fail)?`.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands the error over")]
pub fn fail(failure: impl Failure) -> ActionError {
    ActionError { class: failure.class(), message: failure.to_string(), help: failure.help() }
}

/// The step's error for a failed file operation: `.map_err(io_failed("read", path))?`.
pub fn io_failed(action: &str, path: &Path) -> impl FnOnce(io::Error) -> ActionError {
    let doing = format!("cannot {action} `{}`", path.display());
    move |error| {
        let class = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorClass::Capacity,
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
                ErrorClass::Permanent
            }
            _ => ErrorClass::Transient,
        };
        let failed = ActionError::new(class, format!("{doing}: {error}"));
        if class == ErrorClass::Capacity { failed.help(FULL) } else { failed }
    }
}

const FULL: &str = "free space in the data folder or give the quota more room";

impl Failure for ArtifactError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Missing(_) | Self::Malformed(_) => ErrorClass::Permanent,
            Self::Full(_) => ErrorClass::Capacity,
            Self::Io(_) => ErrorClass::Transient,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Missing(_) => Some("it was removed since; start a new run to make it again".to_owned()),
            Self::Full(_) => Some(FULL.to_owned()),
            Self::Malformed(_) | Self::Io(_) => None,
        }
    }
}

impl Failure for ImageError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Missing(_) | Self::Malformed(_) | Self::InUse(..) => ErrorClass::Permanent,
            Self::Full(_) => ErrorClass::Capacity,
            Self::Io(_) => ErrorClass::Transient,
        }
    }

    fn help(&self) -> Option<String> {
        matches!(self, Self::Full(_)).then(|| FULL.to_owned())
    }
}

impl Failure for RepositoryError {
    fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }
}

impl Failure for SecretError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Missing(_) => ErrorClass::Permanent,
            // Somebody may see to it before the next attempt.
            Self::Unusable { .. } | Self::Store(_) => ErrorClass::Transient,
        }
    }

    fn help(&self) -> Option<String> {
        Some(
            match self {
                Self::Missing(_) => "check the name, or have the operator put the secret there",
                Self::Unusable { .. } | Self::Store(_) => {
                    "have the operator look into the factory's log: it names the file and what is wrong with it"
                }
            }
            .to_owned(),
        )
    }
}

impl Failure for tree::Error {
    fn class(&self) -> ErrorClass {
        match self {
            error if error.is_full() => ErrorClass::Capacity,
            Self::Io { .. } => ErrorClass::Transient,
            _ => ErrorClass::Permanent,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            error if error.is_full() => Some(FULL.to_owned()),
            Self::TooManyEntries { .. } | Self::TooManyBytes { .. } => {
                Some("make the tree smaller, or have the operator raise the limit".to_owned())
            }
            _ => None,
        }
    }
}
