//! Brings a database on a server up to this version's schema, one process at a time.

use std::sync::Arc;

use sqlx::{Connection as _, PgConnection, Row as _};

use super::database::statement;
use crate::migrate::{APPLIED, Applied, RECORD, checksum, missing};
use crate::schema::Migration;
use crate::{Error, Fault, Place};

const CREATE: &str = "\
CREATE TABLE schema_migrations (
    number BIGINT NOT NULL PRIMARY KEY,
    name TEXT COLLATE \"C\" NOT NULL,
    checksum TEXT COLLATE \"C\" NOT NULL
)";

/// Held while a process migrates, so that two that start together do not meet. Any number that nobody else takes.
const LOCK: i64 = 0x696d_6167_6566_6163;

/// Applies what is missing, each migration in a transaction of its own. The lock goes with the connection.
pub(super) async fn run(
    connection: &mut PgConnection,
    place: &Place,
    known: &'static [Migration],
) -> Result<(), Error> {
    let fail = |source: sqlx::Error| statement(place, source);
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut *connection).await.map_err(fail)?;
    let made = sqlx::query("SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL");
    if made.fetch_optional(&mut *connection).await.map_err(fail)?.is_none() {
        sqlx::query(CREATE).execute(&mut *connection).await.map_err(fail)?;
    }
    let rows = sqlx::query(APPLIED).fetch_all(&mut *connection).await.map_err(fail)?;
    let applied: Vec<Applied> = rows
        .into_iter()
        .map(|row| Ok(Applied { number: row.try_get(0)?, name: row.try_get(1)?, checksum: row.try_get(2)? }))
        .collect::<Result<_, sqlx::Error>>()
        .map_err(fail)?;
    for (number, migration) in missing(place, known, &applied)? {
        apply(connection, number, migration).await.map_err(|source| Error::Migration {
            place: place.clone(),
            migration: migration.name,
            fault: Fault::of(&source),
            source: Arc::new(source),
        })?;
        tracing::info!(%place, migration = migration.name, "migration applied");
    }
    Ok(())
}

async fn apply(
    connection: &mut PgConnection,
    number: i64,
    migration: &'static Migration,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(migration.sql).execute(&mut *transaction).await?;
    sqlx::query(RECORD)
        .bind(number)
        .bind(migration.name)
        .bind(checksum(migration))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}
