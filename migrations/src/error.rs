//! What can go wrong between the factory and its databases.

use std::sync::Arc;

use crate::{Fault, Place};

/// A failure of a database file, its schema or its writer. Cheap to clone: a failed COMMIT is told to everyone
/// whose job was in it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A statement failed.
    #[error("{place}: {fault} ({source})")]
    Statement {
        /// The database.
        place: Place,
        /// What it means.
        fault: Fault,
        /// The driver's error.
        source: Arc<sqlx::Error>,
    },
    /// Several jobs were to be committed together and none was. None of them left a trace.
    #[error("{place}: could not commit, so none of {jobs} waiting writes was made: {fault} ({source})")]
    Commit {
        /// The database.
        place: Place,
        /// How many jobs the commit held.
        jobs: usize,
        /// What it means.
        fault: Fault,
        /// The driver's error.
        source: Arc<sqlx::Error>,
    },
    /// A job that ran in the same batch met a full disk or a failing device, and the database gave up the whole
    /// transaction. Trying again is right.
    #[error(
        "{place}: the database gave up a transaction of {jobs} writes, as it does when the disk is full ({source}); nothing of them was made, try again"
    )]
    Lost {
        /// The database.
        place: Place,
        /// How many jobs the batch held so far.
        jobs: usize,
        /// The driver's error.
        source: Arc<sqlx::Error>,
    },
    /// A commit met a failing device: what reached the disk is known only after a restart.
    #[error(
        "{place}: the device failed during a commit, so nothing more is written ({source}); restart to continue from what the disk holds"
    )]
    Halted {
        /// The database.
        place: Place,
        /// The driver's error that halted the writer.
        source: Arc<sqlx::Error>,
    },
    /// The connection broke while a commit was under way: whether it was made, only the database knows. It is not
    /// tried again here.
    #[error(
        "{place}: the connection broke during a commit, which may have been made or not ({source}); read what is there before trying again"
    )]
    Unknown {
        /// The database.
        place: Place,
        /// The driver's error.
        source: Arc<sqlx::Error>,
    },
    /// The address of a server cannot be read. The address itself is not shown, since it may hold a password.
    #[error("the address of the database is no `postgres://USER:PASSWORD@HOST:PORT/DATABASE`: {reason}")]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// The server is one that the factory cannot work with.
    #[error("{place}: {reason}")]
    Unfit {
        /// The database.
        place: Place,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A job panicked. Its savepoint was rolled back; the writer goes on.
    #[error("{place}: a write panicked and was rolled back: {message}")]
    Panicked {
        /// The database.
        place: Place,
        /// What the panic said.
        message: String,
    },
    /// The database was closed.
    #[error("{place}: the database is closed: the factory is shutting down")]
    Closed {
        /// The database.
        place: Place,
    },
    /// The file holds migrations that this program does not know.
    #[error(
        "{place}: it was written by a newer version (its schema has migration {found}, this version knows {known}); start that version"
    )]
    Newer {
        /// The database.
        place: Place,
        /// The newest migration in the file.
        found: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// The file holds a migration that differs from the one of this program.
    #[error(
        "{place}: its migration `{applied}` is not the `{expected}` of this version; it belongs to another program or another build: start that one, or restore a backup"
    )]
    Diverged {
        /// The database.
        place: Place,
        /// Name of the migration in the file.
        applied: String,
        /// Name of the migration that this program has under that number.
        expected: &'static str,
    },
    /// A migration failed. It was rolled back whole.
    #[error("{place}: migration `{migration}` failed and was rolled back: {fault} ({source})")]
    Migration {
        /// The database.
        place: Place,
        /// Name of the migration.
        migration: &'static str,
        /// What it means.
        fault: Fault,
        /// The driver's error.
        source: Arc<sqlx::Error>,
    },
}

impl Error {
    /// What it means for the person who runs the factory; `None` where it is not the database that failed.
    pub const fn fault(&self) -> Option<Fault> {
        match self {
            Self::Statement { fault, .. } | Self::Commit { fault, .. } | Self::Migration { fault, .. } => {
                Some(*fault)
            }
            Self::Halted { .. } => Some(Fault::Device),
            Self::Unknown { .. } => Some(Fault::Unreachable),
            Self::Address { .. }
            | Self::Unfit { .. }
            | Self::Lost { .. }
            | Self::Panicked { .. }
            | Self::Closed { .. }
            | Self::Newer { .. }
            | Self::Diverged { .. } => None,
        }
    }
}
