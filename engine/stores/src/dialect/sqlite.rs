//! SQLite: its types under the names that `sql` uses, and what its failures mean.

use engine_ports::StoreError;
use migrations::{Database, Error, Fault};

/// The database, for decoding columns.
pub(crate) type Db = sqlx::Sqlite;
/// The connection that a write runs on.
pub(crate) type Connection = sqlx::SqliteConnection;
/// What a query gives.
pub(crate) type Row = sqlx::sqlite::SqliteRow;
/// Where reads get their connections.
pub(crate) type Pool = sqlx::SqlitePool;

/// Why a statement, or a job of several, did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A rule of the store said no.
    #[error(transparent)]
    Refused(#[from] StoreError),
    /// The writer could not run or commit the job.
    #[error(transparent)]
    Writer(#[from] Error),
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] sqlx::Error),
}

impl Failure {
    /// The failure in the words of the ports.
    pub(crate) fn explain(self, database: &Database) -> StoreError {
        let error = match self {
            Self::Refused(error) => return error,
            Self::Writer(error) => error,
            Self::Statement(sqlx::Error::PoolClosed) => return StoreError::Closed,
            Self::Statement(source) => database.error(source),
        };
        match (&error, error.fault()) {
            (Error::Closed { .. }, _) => StoreError::Closed,
            (_, Some(Fault::DiskFull)) => StoreError::Full(error.to_string()),
            _ => StoreError::Database(error.to_string()),
        }
    }

    /// Whether a key of a table is taken already.
    pub(crate) fn is_taken(error: &sqlx::Error) -> bool {
        error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
    }
}
