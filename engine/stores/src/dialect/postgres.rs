//! PostgreSQL: many writers, so rows that a check reads are locked, and the server's clock.

use std::borrow::Cow;
use std::fmt::Display;

use sqlx::postgres::PgArguments;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Postgres};
use vocab::Timestamp;

use super::query::Value;
use super::{Lock, Query, Row};

/// The moment of the statement, not of the transaction's beginning.
const NOW: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";

/// Runs a statement that gives no rows.
pub(super) async fn execute(query: Query<'_>, on: &mut PgConnection) -> Result<u64, sqlx::Error> {
    Ok(statement(query).execute(on).await?.rows_affected())
}

/// Runs a statement that gives rows.
pub(super) async fn fetch<'e>(
    query: Query<'_>,
    on: impl Executor<'e, Database = Postgres>,
) -> Result<Vec<Row>, sqlx::Error> {
    Ok(statement(query).fetch_all(on).await?.into_iter().map(Row::Postgres).collect())
}

/// The server's clock.
pub(super) async fn now(on: &mut PgConnection) -> Result<Timestamp, sqlx::Error> {
    sqlx::query_scalar(NOW).fetch_one(on).await.map(Timestamp::from_millis)
}

/// Waits until nobody writes to the table, and lets nobody until the transaction ends.
pub(super) async fn lock_table(on: &mut PgConnection, table: impl Display + Send) -> Result<(), sqlx::Error> {
    // A table's name is written in the code; it comes from nobody else.
    let sql = AssertSqlSafe(format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"));
    sqlx::query(sql).execute(on).await.map(drop)
}

fn statement<'s>(query: Query<'_>) -> sqlx::query::Query<'s, Postgres, PgArguments> {
    let bind = |statement: sqlx::query::Query<'s, Postgres, PgArguments>, value| match value {
        Value::Number(number) => statement.bind(number),
        Value::Text(text) => statement.bind(text.map(storable)),
        Value::Bytes(bytes) => statement.bind(bytes.to_vec()),
    };
    let statement = match clause(query.lock) {
        Some(clause) => sqlx::query(AssertSqlSafe(format!("{} {clause}", query.sql.as_str()))),
        None => sqlx::query(query.sql),
    };
    query.values.into_iter().fold(statement, bind)
}

fn clause(lock: Option<Lock>) -> Option<Cow<'static, str>> {
    match lock? {
        Lock::Update => Some("FOR UPDATE".into()),
        Lock::Share => Some("FOR KEY SHARE".into()),
        Lock::Skip(table) => Some(format!("FOR NO KEY UPDATE OF {table} SKIP LOCKED").into()),
    }
}

/// The one character that PostgreSQL's text cannot hold becomes the one that stands for what cannot be shown. It can
/// come in the message of a tool; in JSON it is escaped, so that events keep it.
fn storable(text: Cow<'_, str>) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.into_owned() }
}
