//! SQLite: one writer, so no locks, and the caller's clock.

use std::borrow::Cow;

use sqlx::sqlite::SqliteArguments;
use sqlx::{Executor, Sqlite, SqliteConnection};

use super::query::Value;
use super::{Query, Row};

/// Runs a statement that gives no rows.
pub(super) async fn execute(query: Query<'_>, on: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    Ok(statement(query).execute(on).await?.rows_affected())
}

/// Runs a statement that gives rows.
pub(super) async fn fetch<'e>(
    query: Query<'_>,
    on: impl Executor<'e, Database = Sqlite>,
) -> Result<Vec<Row>, sqlx::Error> {
    Ok(statement(query).fetch_all(on).await?.into_iter().map(Row::Sqlite).collect())
}

fn statement<'s>(query: Query<'_>) -> sqlx::query::Query<'s, Sqlite, SqliteArguments> {
    let bind = |statement: sqlx::query::Query<'s, Sqlite, SqliteArguments>, value| match value {
        Value::Number(number) => statement.bind(number),
        Value::Text(text) => statement.bind(text.map(Cow::into_owned)),
        Value::Bytes(bytes) => statement.bind(bytes.to_vec()),
    };
    query.values.into_iter().fold(sqlx::query(query.sql), bind)
}
