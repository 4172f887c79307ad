//! What can go wrong between the factory and its database files.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// What a failure of the database means for the person who runs the factory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// No space is left on the device.
    DiskFull,
    /// The file or its folder cannot be written.
    ReadOnly,
    /// The content is damaged, or it is no database at all.
    Corrupt,
    /// Another process holds the file.
    Busy,
    /// Reading or writing the device failed.
    Device,
    /// The file cannot be opened.
    Unopenable,
    /// A row breaks a key, a check or a reference.
    Constraint,
    /// Anything else: the database's own message says what.
    Other,
}

impl Fault {
    /// Reads the meaning out of an error of the driver.
    pub fn of(error: &sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        // The low byte of an extended result code is the primary one.
        match code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
            Some(5 | 6) => Self::Busy,
            Some(3 | 8) => Self::ReadOnly,
            Some(10) => Self::Device,
            Some(11 | 26) => Self::Corrupt,
            Some(13) => Self::DiskFull,
            Some(14) => Self::Unopenable,
            Some(19) => Self::Constraint,
            _ => Self::Other,
        }
    }

    /// What is wrong and what to do about it, for the end of a message.
    const fn advice(self) -> &'static str {
        match self {
            Self::DiskFull => "the disk is full; free some space, nothing was lost",
            Self::ReadOnly => "it cannot be written; check the owner and mode of the file and of its folder",
            Self::Corrupt => "it is damaged or no database; restore it from a backup",
            Self::Busy => "another process holds it; stop that process",
            Self::Device => "the device failed; look into the system's log",
            Self::Unopenable => "it cannot be opened; check that its folder exists and may be entered",
            Self::Constraint => "a row was refused",
            Self::Other => "the database refused",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice())
    }
}

/// A failure of a database file, its schema or its writer. Cheap to clone: a failed COMMIT is told to everyone
/// whose job was in it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A statement failed.
    #[error("{}: {fault} ({source})", path.display())]
    Statement {
        /// The database file.
        path: PathBuf,
        /// What it means.
        fault: Fault,
        /// The driver's error.
        source: Arc<sqlx::Error>,
    },
    /// Several jobs were to be committed together and none was. None of them left a trace.
    #[error("{}: could not commit, so none of {jobs} waiting writes was made: {fault} ({source})", path.display())]
    Commit {
        /// The database file.
        path: PathBuf,
        /// How many jobs the commit held.
        jobs: usize,
        /// What it means.
        fault: Fault,
        /// The driver's error.
        source: Arc<sqlx::Error>,
    },
    /// A job that ran in the same batch met a full disk or a failing device, and the database gave up the whole
    /// transaction. Trying again is right.
    #[error("{}: the database gave up a transaction of {jobs} writes, as it does when the disk is full ({source}); nothing of them was made, try again", path.display())]
    Lost {
        /// The database file.
        path: PathBuf,
        /// How many jobs the batch held so far.
        jobs: usize,
        /// The driver's error.
        source: Arc<sqlx::Error>,
    },
    /// A commit met a failing device: what reached the disk is known only after a restart.
    #[error("{}: the device failed during a commit, so nothing more is written ({source}); restart to continue from what the disk holds", path.display())]
    Halted {
        /// The database file.
        path: PathBuf,
        /// The driver's error that halted the writer.
        source: Arc<sqlx::Error>,
    },
    /// A job panicked. Its savepoint was rolled back; the writer goes on.
    #[error("{}: a write panicked and was rolled back: {message}", path.display())]
    Panicked {
        /// The database file.
        path: PathBuf,
        /// What the panic said.
        message: String,
    },
    /// The database was closed.
    #[error("{}: the database is closed: the factory is shutting down", path.display())]
    Closed {
        /// The database file.
        path: PathBuf,
    },
    /// The file holds migrations that this program does not know.
    #[error(
        "{}: this data folder was written by a newer version (its schema has migration {found}, this version knows {known}); start that version",
        path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The newest migration in the file.
        found: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// The file holds a migration that differs from the one of this program.
    #[error(
        "{}: migration `{applied}` of this file is not the `{expected}` of this version; it belongs to another program or another build: start that one, or restore a backup",
        path.display()
    )]
    Diverged {
        /// The database file.
        path: PathBuf,
        /// Name of the migration in the file.
        applied: String,
        /// Name of the migration that this program has under that number.
        expected: &'static str,
    },
    /// A migration failed. It was rolled back whole.
    #[error("{}: migration `{migration}` failed and was rolled back: {fault} ({source})", path.display())]
    Migration {
        /// The database file.
        path: PathBuf,
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
            Self::Lost { .. }
            | Self::Panicked { .. }
            | Self::Closed { .. }
            | Self::Newer { .. }
            | Self::Diverged { .. } => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::borrow::Cow;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// What a failing device would give, which no test can order: an error with that extended result code.
    #[derive(Debug, thiserror::Error)]
    #[error("result code {0}")]
    pub(crate) struct Code(u32);

    impl DatabaseError for Code {
        fn message(&self) -> &'static str {
            "made up"
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.to_string().into())
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    pub(crate) fn with_code(code: u32) -> sqlx::Error {
        sqlx::Error::Database(Box::new(Code(code)))
    }

    #[test]
    fn extended_result_codes_keep_their_meaning() {
        for (code, fault) in [
            (13, Fault::DiskFull),
            (1034, Fault::Device),
            (778, Fault::Device),
            (1032, Fault::ReadOnly),
            (267, Fault::Corrupt),
            (26, Fault::Corrupt),
            (261, Fault::Busy),
            (2067, Fault::Constraint),
            (1, Fault::Other),
        ] {
            assert_eq!(Fault::of(&with_code(code)), fault, "{code}");
        }
        assert_eq!(Fault::of(&sqlx::Error::PoolTimedOut), Fault::Other);
    }
}
