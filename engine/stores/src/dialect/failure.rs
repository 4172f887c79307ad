//! Why a statement did not succeed, and what that is in the words of the ports.

use engine_ports::StoreError;
use migrations::{Error, Fault};
use sqlx::error::DatabaseError;

/// Why a statement, or a job of several, did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A rule of the store said no.
    #[error(transparent)]
    Refused(#[from] StoreError),
    /// The job could not be run or committed.
    #[error(transparent)]
    Writer(#[from] Error),
    /// Another transaction wrote the same meanwhile, and this one is rolled back.
    #[error("another process wrote the same meanwhile; try again")]
    Overtaken,
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] sqlx::Error),
}

impl Failure {
    /// The failure in the words of the ports; `name` adds where the database is.
    pub(crate) fn explain(self, name: impl FnOnce(sqlx::Error) -> Error) -> StoreError {
        let error = match self {
            Self::Refused(error) => return error,
            Self::Overtaken => return StoreError::Database(self.to_string()),
            Self::Writer(error) => error,
            Self::Statement(sqlx::Error::PoolClosed) => return StoreError::Closed,
            Self::Statement(source) => name(source),
        };
        match (&error, error.fault()) {
            (Error::Closed { .. }, _) => StoreError::Closed,
            (Error::Unknown { .. }, _) => StoreError::Unknown(error.to_string()),
            (_, Some(Fault::DiskFull)) => StoreError::Full(error.to_string()),
            _ => StoreError::Database(error.to_string()),
        }
    }

    /// Whether a key of a table is taken already.
    pub(crate) fn is_taken(error: &sqlx::Error) -> bool {
        error.as_database_error().is_some_and(DatabaseError::is_unique_violation)
    }

    /// Whether what a row refers to is not there.
    pub(crate) fn is_dangling(error: &sqlx::Error) -> bool {
        error.as_database_error().is_some_and(DatabaseError::is_foreign_key_violation)
    }
}
