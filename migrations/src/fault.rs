//! What a failure of a database means, whichever database it is.

use std::fmt;

use sqlx::postgres::PgDatabaseError;

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
    /// The server cannot be reached, or the connection broke.
    Unreachable,
    /// The server does not let this user in, or not into this database or table.
    Denied,
    /// The server takes no writes: it is a standby.
    Standby,
    /// All connections are in use.
    Exhausted,
    /// Another transaction was in the way.
    Contended,
    /// Anything else: the database's own message says what.
    Other,
}

impl Fault {
    /// Reads the meaning out of an error of the driver.
    pub fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
                Some(error) => Self::of_postgres(error.code()),
                None => error.code().map_or(Self::Other, |code| Self::of_sqlite(&code)),
            },
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) => Self::Unreachable,
            sqlx::Error::PoolTimedOut => Self::Exhausted,
            _ => Self::Other,
        }
    }

    fn of_sqlite(code: &str) -> Self {
        // The low byte of an extended result code is the primary one.
        match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(5 | 6) => Self::Busy,
            Ok(3 | 8) => Self::ReadOnly,
            Ok(10) => Self::Device,
            Ok(11 | 26) => Self::Corrupt,
            Ok(13) => Self::DiskFull,
            Ok(14) => Self::Unopenable,
            Ok(19) => Self::Constraint,
            _ => Self::Other,
        }
    }

    /// The first two characters of a SQLSTATE are its class.
    fn of_postgres(code: &str) -> Self {
        match (code, code.get(..2).unwrap_or_default()) {
            ("53100", _) => Self::DiskFull,
            ("53300", _) => Self::Exhausted,
            ("25006", _) => Self::Standby,
            ("42501" | "3D000", _) | (_, "28") => Self::Denied,
            ("57014" | "55P03", _) | (_, "40") => Self::Contended,
            ("58030", _) => Self::Device,
            (_, "08" | "57") => Self::Unreachable,
            (_, "23") => Self::Constraint,
            (_, "XX") => Self::Corrupt,
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
            Self::Unreachable => {
                "the server cannot be reached; check that it runs, and the host and port of the setting"
            }
            Self::Denied => {
                "the server let nobody in; check the user, the password, the database and its rights"
            }
            Self::Standby => "the server takes no writes; name the primary, not a standby",
            Self::Exhausted => "every connection is in use; raise the bound of the server or of the setting",
            Self::Contended => "another transaction was in the way; nothing was written, try again",
            Self::Other => "the database refused",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice())
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
        assert_eq!(Fault::of(&sqlx::Error::RowNotFound), Fault::Other);
    }

    #[test]
    fn states_of_postgresql_keep_their_meaning() {
        for (state, fault) in [
            ("53100", Fault::DiskFull),
            ("53300", Fault::Exhausted),
            ("25006", Fault::Standby),
            ("28P01", Fault::Denied),
            ("3D000", Fault::Denied),
            ("40P01", Fault::Contended),
            ("57P01", Fault::Unreachable),
            ("08006", Fault::Unreachable),
            ("23503", Fault::Constraint),
            ("XX001", Fault::Corrupt),
            ("42601", Fault::Other),
            ("", Fault::Other),
        ] {
            assert_eq!(Fault::of_postgres(state), fault, "{state}");
        }
    }
}
