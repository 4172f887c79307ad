//! A statement with its parameters, before it is known which database runs it.

use std::borrow::Cow;

use sqlx::{PgConnection, PgPool, SqlSafeStr, SqlStr, SqliteConnection, SqlitePool};

use super::{Connection, Pool, Row, postgres, sqlite};

/// A parameter of a statement: one of the three kinds of columns.
pub(crate) enum Value<'q> {
    Number(Option<i64>),
    Text(Option<Cow<'q, str>>),
    Bytes(&'q [u8]),
}

/// What happens to the rows that a read found, where more than one process writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Nobody else changes or removes them until the transaction ends.
    Update,
    /// Nobody else removes them until the transaction ends.
    Share,
    /// As `Update`, but rows that somebody else has locked are left out. For the rows of the table named.
    Skip(&'static str),
}

/// A statement with its parameters.
pub(crate) struct Query<'q> {
    pub(super) sql: SqlStr,
    pub(super) values: Vec<Value<'q>>,
    pub(super) lock: Option<Lock>,
}

/// A statement that waits for its parameters, `$1` and on.
pub(crate) fn query<'q>(sql: impl SqlSafeStr) -> Query<'q> {
    Query { sql: sql.into_sql_str(), values: Vec::new(), lock: None }
}

impl<'q> Query<'q> {
    /// The next parameter.
    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Locks the rows that it finds. The one writer of SQLite needs no lock: it is alone.
    pub(crate) const fn locking(mut self, lock: Lock) -> Self {
        self.lock = Some(lock);
        self
    }

    /// Runs it and says how many rows it wrote.
    pub(crate) async fn execute(self, connection: &mut Connection<'_>) -> Result<u64, sqlx::Error> {
        match connection {
            Connection::Sqlite(connection) => sqlite::execute(self, connection).await,
            Connection::Postgres(connection) => postgres::execute(self, connection).await,
        }
    }

    /// Takes the locks alone: whatever needs none of them is spared the trip.
    pub(crate) async fn take_locks(self, connection: &mut Connection<'_>) -> Result<(), sqlx::Error> {
        match connection {
            Connection::Sqlite(_) => Ok(()),
            Connection::Postgres(connection) => postgres::execute(self, connection).await.map(drop),
        }
    }

    /// All rows that it gives.
    pub(crate) async fn fetch_all(self, on: impl Into<Source<'_>>) -> Result<Vec<Row>, sqlx::Error> {
        match on.into() {
            Source::SqlitePool(pool) => sqlite::fetch(self, pool).await,
            Source::Sqlite(connection) => sqlite::fetch(self, connection).await,
            Source::PgPool(pool) => postgres::fetch(self, pool).await,
            Source::Postgres(connection) => postgres::fetch(self, connection).await,
        }
    }

    /// The first row, if there is one.
    pub(crate) async fn fetch_optional(self, on: impl Into<Source<'_>>) -> Result<Option<Row>, sqlx::Error> {
        Ok(self.fetch_all(on).await?.into_iter().next())
    }

    /// The row that cannot be missing.
    pub(crate) async fn fetch_one(self, on: impl Into<Source<'_>>) -> Result<Row, sqlx::Error> {
        self.fetch_optional(on).await?.ok_or(sqlx::Error::RowNotFound)
    }
}

/// What a statement that gives rows runs on.
pub(crate) enum Source<'s> {
    SqlitePool(&'s SqlitePool),
    Sqlite(&'s mut SqliteConnection),
    PgPool(&'s PgPool),
    Postgres(&'s mut PgConnection),
}

impl<'s> From<Pool<'s>> for Source<'s> {
    fn from(pool: Pool<'s>) -> Self {
        match pool {
            Pool::Sqlite(pool) => Self::SqlitePool(pool),
            Pool::Postgres(pool) => Self::PgPool(pool),
        }
    }
}

impl<'s> From<&'s mut Connection<'_>> for Source<'s> {
    fn from(connection: &'s mut Connection<'_>) -> Self {
        match connection {
            Connection::Sqlite(connection) => Self::Sqlite(connection),
            Connection::Postgres(connection) => Self::Postgres(connection),
        }
    }
}

macro_rules! values {
    ($($type:ty: $value:ident => $cell:expr;)+) => {
        $(impl<'q> From<$type> for Value<'q> {
            fn from($value: $type) -> Self {
                $cell
            }
        })+
    };
}

values! {
    i64: value => Self::Number(Some(value));
    Option<i64>: value => Self::Number(value);
    &'q str: value => Self::Text(Some(value.into()));
    &'q String: value => Self::Text(Some(value.into()));
    String: value => Self::Text(Some(value.into()));
    Option<&'q str>: value => Self::Text(value.map(Into::into));
    Option<String>: value => Self::Text(value.map(Into::into));
    &'q Option<String>: value => Self::Text(value.as_deref().map(Into::into));
    &'q Vec<u8>: value => Self::Bytes(value);
}
