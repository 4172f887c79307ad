//! What every store may answer instead of a result.

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote first.
    #[error("the {what} changed meanwhile: expected {expected}, found {found}")]
    Conflict {
        /// What was to be written.
        what: String,
        /// What the caller had read.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The writer's fencing token is not the one in the row.
    #[error("the attempt no longer holds the lease of {0}")]
    Fenced(String),
    /// Something of that name is there already.
    #[error("there is already a {0}")]
    Exists(String),
    /// It is not there, or not this tenant's.
    #[error("there is no {0}")]
    Missing(String),
    /// A row cannot be read: which, and why.
    #[error("the row {row} is damaged: {reason}")]
    Damaged {
        /// Table, column and key.
        row: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was to be written contradicts itself: a fault of the caller, and nothing was written.
    #[error("the {what} does not hold together: {reason}")]
    Malformed {
        /// What was to be written.
        what: String,
        /// The contradiction.
        reason: String,
    },
    /// No space is left.
    #[error("the database has no space left: {0}")]
    Full(String),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(String),
    /// The database went away while it was writing: only it knows whether it wrote. Whoever goes on reads first.
    #[error("it is not known whether the database has written: {0}")]
    Unknown(String),
    /// It is shutting down.
    #[error("the store is shutting down")]
    Closed,
}
