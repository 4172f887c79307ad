//! Brings a file up to this version's schema, or says why it cannot.
//!
//! What is missing and what was edited is found here for every database.

use std::path::Path;
use std::sync::Arc;

use sqlx::{Connection as _, Row as _, SqliteConnection};
use vocab::Digest;

use crate::schema::Migration;
use crate::{Error, Fault, Place};

const CREATE: &str = "\
CREATE TABLE IF NOT EXISTS schema_migrations (
    number BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
)";

pub(crate) const APPLIED: &str = "SELECT number, name, checksum FROM schema_migrations ORDER BY number";
pub(crate) const RECORD: &str = "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)";

/// A row of the table of applied migrations.
pub(crate) struct Applied {
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) checksum: String,
}

/// Applies what is missing, each migration in a transaction of its own.
///
/// Refuses a file that holds a migration which this program does not know or knows differently: guessing there
/// would damage data.
pub(crate) async fn run(
    connection: &mut SqliteConnection,
    path: &Path,
    known: &'static [Migration],
) -> Result<(), Error> {
    let statement = |source: sqlx::Error| Error::Statement {
        place: path.into(),
        fault: Fault::of(&source),
        source: Arc::new(source),
    };
    sqlx::query(CREATE).execute(&mut *connection).await.map_err(statement)?;
    let rows = sqlx::query(APPLIED).fetch_all(&mut *connection).await.map_err(statement)?;
    let applied: Vec<Applied> = rows
        .into_iter()
        .map(|row| Ok(Applied { number: row.try_get(0)?, name: row.try_get(1)?, checksum: row.try_get(2)? }))
        .collect::<Result<_, sqlx::Error>>()
        .map_err(statement)?;
    for (number, migration) in missing(&path.into(), known, &applied)? {
        apply(connection, number, migration).await.map_err(|source| Error::Migration {
            place: path.into(),
            migration: migration.name,
            fault: Fault::of(&source),
            source: Arc::new(source),
        })?;
        tracing::info!(path = %path.display(), migration = migration.name, "migration applied");
    }
    Ok(())
}

/// What is still to be applied, when what was applied is a beginning of what is known.
pub(crate) fn missing(
    place: &Place,
    known: &'static [Migration],
    applied: &[Applied],
) -> Result<Vec<(i64, &'static Migration)>, Error> {
    let numbered: Vec<_> = (1_i64..).zip(known).collect();
    let newest = numbered.len().try_into().unwrap_or(i64::MAX);
    if let Some(last) = applied.last().filter(|last| last.number > newest) {
        return Err(Error::Newer { place: place.clone(), found: last.number, known: newest });
    }
    for (row, (number, migration)) in applied.iter().zip(&numbered) {
        if row.number != *number || row.checksum != checksum(migration) {
            return Err(Error::Diverged {
                place: place.clone(),
                applied: row.name.clone(),
                expected: migration.name,
            });
        }
    }
    Ok(numbered.into_iter().skip(applied.len()).collect())
}

async fn apply(
    connection: &mut SqliteConnection,
    number: i64,
    migration: &'static Migration,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(migration.sql).execute(&mut *transaction).await?;
    sqlx::query(RECORD)
        .bind(number)
        .bind(migration.name)
        .bind(checksum(migration))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

pub(crate) fn checksum(migration: &Migration) -> String {
    Digest::of(migration.sql).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Migration = Migration { name: "0001_one", sql: "CREATE TABLE one (a BIGINT);" };
    const TWO: Migration = Migration { name: "0002_two", sql: "CREATE TABLE two (a BIGINT);" };
    const EDITED: Migration = Migration { name: "0001_one", sql: "CREATE TABLE one (b BIGINT);" };
    const BROKEN: Migration =
        Migration { name: "0002_two", sql: "CREATE TABLE two (a BIGINT); INSERT INTO nowhere VALUES (1);" };

    async fn tables(connection: &mut SqliteConnection) -> Vec<String> {
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
            .fetch_all(connection)
            .await
            .unwrap()
    }

    async fn scratch() -> (tempfile::TempDir, std::path::PathBuf, SqliteConnection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let connection = crate::connect::writer(&path).await.unwrap();
        (folder, path, connection)
    }

    #[tokio::test]
    async fn a_second_run_changes_nothing() {
        let (_folder, path, mut connection) = scratch().await;
        run(&mut connection, &path, &[ONE]).await.unwrap();
        run(&mut connection, &path, &[ONE]).await.unwrap();
        run(&mut connection, &path, &[ONE, TWO]).await.unwrap();
        assert_eq!(tables(&mut connection).await, ["one", "schema_migrations", "two"]);
    }

    #[tokio::test]
    async fn a_file_of_a_newer_version_is_refused() {
        let (_folder, path, mut connection) = scratch().await;
        run(&mut connection, &path, &[ONE, TWO]).await.unwrap();
        let error = run(&mut connection, &path, &[ONE]).await.unwrap_err();
        assert!(error.to_string().contains("written by a newer version"), "{error}");
        assert!(matches!(error, Error::Newer { found: 2, known: 1, .. }));
    }

    #[tokio::test]
    async fn a_changed_migration_is_refused() {
        let (_folder, path, mut connection) = scratch().await;
        run(&mut connection, &path, &[ONE]).await.unwrap();

        let error = run(&mut connection, &path, &[EDITED]).await.unwrap_err();
        assert!(matches!(error, Error::Diverged { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_failing_migration_leaves_nothing_behind() {
        let (_folder, path, mut connection) = scratch().await;
        let error = run(&mut connection, &path, &[ONE, BROKEN]).await.unwrap_err();
        assert!(matches!(error, Error::Migration { migration: "0002_two", .. }), "{error}");
        assert_eq!(tables(&mut connection).await, ["one", "schema_migrations"]);
        run(&mut connection, &path, &[ONE, TWO]).await.unwrap();
    }
}
