//! An open database on a server.

use std::sync::Arc;

use sqlx::PgConnection;
use sqlx::postgres::{PgDatabaseError, PgPool, PgSeverity};

use super::{Alone, address, connect, migrate};
use crate::schema::POSTGRES;
use crate::{Error, Fault, Place, Work};

/// How a database on a server is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PgOptions {
    /// Connections that this process holds at most, for reads and writes together. At least 1.
    pub connections: u32,
}

impl Default for PgOptions {
    fn default() -> Self {
        Self { connections: 16 }
    }
}

/// An open database of the engine on PostgreSQL 15 or newer. Clones share the pool.
#[derive(Clone)]
pub struct PgDatabase {
    shared: Arc<Shared>,
}

struct Shared {
    place: Place,
    pool: PgPool,
}

impl PgDatabase {
    /// Connects to `postgres://USER:PASSWORD@HOST:PORT/DATABASE` and applies the engine's migrations that are
    /// missing. Many processes may open the same database.
    ///
    /// # Errors
    /// [`Error::Address`] when the address cannot be read, [`Error::Unfit`] when the server is too old or the
    /// database is not in UTF-8, [`Error::Newer`] and [`Error::Diverged`] when the tables belong to another version;
    /// [`Error::Statement`] and [`Error::Migration`] with the [`Fault`] for the rest.
    pub async fn open(url: &str, options: PgOptions) -> Result<Self, Error> {
        let (server, place) = address::read(url)?;
        let mut connection = connect::single(&server).await.map_err(|source| statement(&place, source))?;
        connect::check(&mut connection, &place).await?;
        migrate::run(&mut connection, &place, POSTGRES).await?;
        connect::end(connection).await;
        let pool = connect::pool(server, options).await.map_err(|source| statement(&place, source))?;
        Ok(Self { shared: Arc::new(Shared { place, pool }) })
    }

    /// Where it is, without the password.
    pub fn place(&self) -> &Place {
        &self.shared.place
    }

    /// Takes the database for this process alone, for as long as the answer is kept.
    ///
    /// # Errors
    /// [`Error::Unfit`] when another process has it.
    pub async fn alone(&self) -> Result<Alone, Error> {
        Alone::take(&self.shared.pool, &self.shared.place).await
    }

    /// Connections to read from. Each statement sees what was committed when it began.
    pub fn reads(&self) -> &PgPool {
        &self.shared.pool
    }

    /// Runs `job` in a transaction of its own and returns its result once it is on the server's disk.
    ///
    /// When the job returns an error, its writes are rolled back; a job that met an error of a statement must return
    /// one. Nothing is tried again: the server groups commits by itself, and a commit whose answer got lost may have
    /// been made. When the returned future is dropped, the job may still be committed.
    ///
    /// # Errors
    /// The job's own error; an [`Error`] when it could not be committed, and then it left no trace, with the one
    /// exception of [`Error::Unknown`].
    pub async fn write<T, E, J>(&self, job: J) -> Result<T, E>
    where
        J: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, Result<T, E>> + Send,
        T: Send,
        E: From<Error> + Send,
    {
        let mut transaction = self.shared.pool.begin().await.map_err(|source| self.error(source))?;
        let result = job(&mut transaction).await;
        match result {
            Ok(value) => {
                transaction.commit().await.map_err(|source| self.uncommitted(source))?;
                Ok(value)
            }
            Err(error) => {
                // Fails only with the connection, and then the server rolls back by itself.
                let _ = transaction.rollback().await;
                Err(error)
            }
        }
    }

    /// Names the place in an error that a statement on one of its connections met.
    pub fn error(&self, source: sqlx::Error) -> Error {
        statement(&self.shared.place, source)
    }

    /// Finishes what is under way and closes all connections. May be called more than once.
    pub async fn close(&self) {
        self.shared.pool.close().await;
    }

    fn uncommitted(&self, source: sqlx::Error) -> Error {
        let place = self.shared.place.clone();
        let refused = source
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
            .is_some_and(|error| error.severity() == PgSeverity::Error);
        let source = Arc::new(source);
        if refused {
            // The server answered, and lives on: it rolled the transaction back.
            Error::Commit { place, jobs: 1, fault: Fault::of(&source), source }
        } else {
            Error::Unknown { place, source }
        }
    }
}

pub(super) fn statement(place: &Place, source: sqlx::Error) -> Error {
    match source {
        sqlx::Error::PoolClosed => Error::Closed { place: place.clone() },
        source => {
            Error::Statement { place: place.clone(), fault: Fault::of(&source), source: Arc::new(source) }
        }
    }
}
