//! An open database of either kind, and what a statement runs on.

use std::borrow::Cow;
use std::fmt::Display;

use engine_ports::StoreError;
use migrations::{Database, Error, PgDatabase, Place, Work};
use sqlx::{PgConnection, PgPool, SqliteConnection, SqlitePool};
use vocab::Timestamp;

use super::{Failure, postgres};

/// A database with the engine's tables. Clones share what is open.
#[derive(Clone)]
pub enum SqlDatabase {
    /// A file, of [`migrations::Schema::Engine`].
    Sqlite(Database),
    /// A server.
    Postgres(PgDatabase),
}

/// The connection that a write runs on.
pub(crate) enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// Where reads get their connections.
#[derive(Clone, Copy)]
pub(crate) enum Pool<'p> {
    Sqlite(&'p SqlitePool),
    Postgres(&'p PgPool),
}

impl From<Database> for SqlDatabase {
    fn from(database: Database) -> Self {
        Self::Sqlite(database)
    }
}

impl From<PgDatabase> for SqlDatabase {
    fn from(database: PgDatabase) -> Self {
        Self::Postgres(database)
    }
}

impl SqlDatabase {
    /// Where it is, without a password.
    pub fn place(&self) -> Place {
        match self {
            Self::Sqlite(database) => database.path().into(),
            Self::Postgres(database) => database.place().clone(),
        }
    }

    /// Goes the way of a write without changing anything.
    ///
    /// # Errors
    /// Why nothing can be written.
    pub async fn takes_writes(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(database) => database.write(|_| Box::pin(async { Ok(()) })).await,
            Self::Postgres(database) => database.write(|_| Box::pin(async { Ok(()) })).await,
        }
    }

    /// Finishes what is under way and closes it. May be called more than once.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(database) => database.close().await,
            Self::Postgres(database) => database.close().await,
        }
    }

    /// Where reads get their connections.
    pub(crate) fn reads(&self) -> Pool<'_> {
        match self {
            Self::Sqlite(database) => Pool::Sqlite(database.reads()),
            Self::Postgres(database) => Pool::Postgres(database.reads()),
        }
    }

    /// Runs `job` as one transaction.
    pub(crate) async fn write<T, J>(&self, job: J) -> Result<T, Failure>
    where
        J: for<'c> FnOnce(Connection<'c>) -> Work<'c, Result<T, Failure>> + Send + 'static,
        T: Send + 'static,
    {
        match self {
            Self::Sqlite(database) => database.write(move |c| job(Connection::Sqlite(c))).await,
            Self::Postgres(database) => database.write(move |c| job(Connection::Postgres(c))).await,
        }
    }

    /// A failure in the words of the ports.
    pub(crate) fn explain<T>(&self, result: Result<T, Failure>) -> Result<T, StoreError> {
        result.map_err(|failure| {
            failure.explain(|source| match self {
                Self::Sqlite(database) => database.error(source),
                Self::Postgres(database) => database.error(source),
            })
        })
    }
}

impl Connection<'_> {
    /// How the parameter of that number is written in a statement of many rows, where each stands once and in order.
    ///
    /// SQLite takes `$7` for a name: whoever binds it looks through a list of all names, for each parameter of each
    /// statement. `?` has none.
    pub(crate) fn parameter(&self, number: usize) -> Cow<'static, str> {
        match self {
            Self::Sqlite(_) => Cow::Borrowed("?"),
            Self::Postgres(_) => format!("${number}").into(),
        }
    }

    /// What time it is: by the database's clock where several processes share it, else the caller's.
    pub(crate) async fn now(&mut self, callers: Timestamp) -> Result<Timestamp, sqlx::Error> {
        match self {
            Self::Sqlite(_) => Ok(callers),
            Self::Postgres(connection) => postgres::now(connection).await,
        }
    }

    /// Lets nobody else write to a table until the transaction ends, for a rule that no row carries.
    pub(crate) async fn lock_table(&mut self, table: impl Display + Send) -> Result<(), sqlx::Error> {
        match self {
            // The one writer is alone with its tables.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(connection) => postgres::lock_table(connection, table).await,
        }
    }
}
