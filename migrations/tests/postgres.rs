//! PostgreSQL's schema: held against the committed dump, and against SQLite's, table by table.
//!
//! After a new migration: `UPDATE=1 cargo test -p migrations --test postgres`, and commit the dump beside it.

#![expect(clippy::unwrap_used, reason = "a test ends where its ground gives way")]

use std::collections::BTreeSet;
use std::path::Path;

use migrations::{Database, Error, Options, PgDatabase, PgOptions, Schema};

/// What the catalog says, in the form of statements, for a person to read.
const DUMP: &str = r#"
SELECT statement FROM (
    SELECT c.relname AS tbl, 0 AS rank, c.relname AS name,
        'CREATE TABLE ' || c.relname || E' (\n    ' || (
            SELECT string_agg(line, E',\n    ' ORDER BY rank, place, line) FROM (
                SELECT 0 AS rank, a.attnum AS place, concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                    CASE WHEN l.collname = 'C' THEN 'COLLATE "C"' END,
                    CASE WHEN a.attnotnull THEN 'NOT NULL' END) AS line
                FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                UNION ALL
                SELECT 1, 0, pg_get_constraintdef(k.oid) FROM pg_constraint k
                WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f')
            ) lines) || E'\n);\n' AS statement
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    UNION ALL
    SELECT t.relname, 1, i.relname, replace(pg_get_indexdef(x.indexrelid), 'public.', '') || E';\n'
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    WHERE t.relnamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u'))
) statements ORDER BY tbl, rank, name"#;

/// A line for each column, key, index, reference and migration, in words that both databases can be told in.
const SQLITE: &str = r"
WITH tables AS (SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%')
SELECT 'column ' || t.name || '.' || c.name || ' ' || c.type || CASE c.'notnull' WHEN 1 THEN ' NOT NULL' ELSE '' END
FROM tables t JOIN pragma_table_info(t.name) c
UNION ALL
SELECT CASE i.origin WHEN 'c' THEN 'index ' || i.name || ' on ' WHEN 'pk' THEN 'key ' ELSE 'unique ' END
    || t.name || ' (' || (SELECT group_concat(name, ', ') FROM (
        SELECT x.name FROM pragma_index_info(i.name) x ORDER BY x.seqno)) || ')'
    || CASE i.partial WHEN 1 THEN (SELECT substr(s.sql, instr(s.sql, ' WHERE ')) FROM sqlite_schema s
        WHERE s.name = i.name) ELSE '' END
FROM tables t JOIN pragma_index_list(t.name) i
UNION ALL
SELECT 'reference ' || t.name || ' (' || group_concat(f.'from', ', ') || ') to ' || f.'table' || ' ('
    || group_concat(f.'to', ', ') || ')'
FROM tables t JOIN pragma_foreign_key_list(t.name) f GROUP BY t.name, f.id, f.'table'
UNION ALL
SELECT 'migration ' || number || ' ' || name FROM schema_migrations";

const POSTGRES: &str = r"
WITH tables AS (SELECT oid, relname AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'),
columns AS (SELECT a.attrelid, a.attnum, a.attname::text AS name FROM pg_attribute a)
SELECT 'column ' || t.name || '.' || a.attname || ' ' || CASE
        WHEN format_type(a.atttypid, a.atttypmod) = 'bigint' THEN 'BIGINT'
        WHEN format_type(a.atttypid, a.atttypmod) = 'bytea' THEN 'BLOB'
        WHEN format_type(a.atttypid, a.atttypmod) = 'text' AND l.collname = 'C' THEN 'TEXT'
        ELSE format_type(a.atttypid, a.atttypmod) || ' in collation ' || COALESCE(l.collname, '-') END
    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_collation l ON l.oid = a.attcollation
UNION ALL
SELECT CASE WHEN k.contype = 'p' THEN 'key ' WHEN k.contype = 'u' THEN 'unique '
        ELSE 'index ' || i.relname || ' on ' END
    || t.name || ' (' || (SELECT string_agg(c.name, ', ' ORDER BY u.place)
        FROM unnest(x.indkey::int2[]) WITH ORDINALITY u (attnum, place)
        JOIN columns c ON c.attrelid = t.oid AND c.attnum = u.attnum) || ')'
    || COALESCE(' WHERE ' || replace(translate(pg_get_expr(x.indpred, t.oid), '()', ''), '::text', ''), '')
FROM tables t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.contype IN ('p', 'u')
UNION ALL
SELECT 'reference ' || t.name || ' (' || (SELECT string_agg(c.name, ', ' ORDER BY u.place)
        FROM unnest(k.conkey) WITH ORDINALITY u (attnum, place)
        JOIN columns c ON c.attrelid = k.conrelid AND c.attnum = u.attnum)
    || ') to ' || o.name || ' (' || (SELECT string_agg(c.name, ', ' ORDER BY u.place)
        FROM unnest(k.confkey) WITH ORDINALITY u (attnum, place)
        JOIN columns c ON c.attrelid = k.confrelid AND c.attnum = u.attnum) || ')'
FROM pg_constraint k JOIN tables t ON t.oid = k.conrelid JOIN tables o ON o.oid = k.confrelid
WHERE k.contype = 'f'
UNION ALL
SELECT 'migration ' || number || ' ' || name FROM schema_migrations";

async fn open(test: &str) -> Option<(String, PgDatabase)> {
    let address = test_parts::postgres(test)?.database();
    PgDatabase::open(&address, PgOptions::default()).await.unwrap().close().await;
    // Opened again, so that a migration that would not survive its own repetition shows itself.
    let database = PgDatabase::open(&address, PgOptions::default()).await.unwrap();
    Some((address, database))
}

#[tokio::test]
async fn the_engine_schema_on_postgresql_is_the_committed_one() {
    let test = "the_engine_schema_on_postgresql_is_the_committed_one";
    let Some((_, database)) = open(test).await else { return };
    let statements: Vec<String> = sqlx::query_scalar(DUMP).fetch_all(database.reads()).await.unwrap();
    let fresh = statements.concat();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres/engine.schema.sql");
    #[expect(clippy::disallowed_methods, reason = "UPDATE=1 asks a test to write its fixture")]
    let update = std::env::var("UPDATE").is_ok();
    if update {
        std::fs::write(&file, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(fresh, committed, "{} is stale: run this test with UPDATE=1", file.display());
}

#[tokio::test]
async fn both_databases_have_the_same_tables() {
    let Some((_, server)) = open("both_databases_have_the_same_tables").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.db");
    let file = Database::open(path, Schema::Engine, Options::default()).await.unwrap();
    let ours: Vec<String> = sqlx::query_scalar(SQLITE).fetch_all(file.reads()).await.unwrap();
    let theirs: Vec<String> = sqlx::query_scalar(POSTGRES).fetch_all(server.reads()).await.unwrap();
    let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
        (ours.into_iter().collect(), theirs.into_iter().collect());
    let only =
        |a: &BTreeSet<String>, b: &BTreeSet<String>| -> Vec<String> { a.difference(b).cloned().collect() };
    assert_eq!(only(&ours, &theirs), Vec::<String>::new(), "in SQLite only");
    assert_eq!(only(&theirs, &ours), Vec::<String>::new(), "in PostgreSQL only");
    for kind in ["column", "key", "unique", "index", "reference", "migration"] {
        assert!(ours.iter().any(|line| line.starts_with(kind)), "nothing was compared by {kind}");
    }
}

#[tokio::test]
async fn a_server_of_a_newer_version_is_refused_without_its_password() {
    let test = "a_server_of_a_newer_version_is_refused_without_its_password";
    let Some((address, database)) = open(test).await else { return };
    let password = address.split([':', '@']).nth(2).unwrap();
    sqlx::query("INSERT INTO schema_migrations VALUES (99, '0099_later', 'x')")
        .execute(database.reads())
        .await
        .unwrap();
    let refused = PgDatabase::open(&address, PgOptions::default()).await.err().unwrap();
    assert!(matches!(refused, Error::Newer { found: 99, .. }), "{refused}");
    let elsewhere = address.replace(password, "wrong");
    let denied = PgDatabase::open(&elsewhere, PgOptions::default()).await.err().unwrap();
    assert!(denied.to_string().contains("check the user, the password"), "{denied}");
    for message in [refused.to_string(), denied.to_string()] {
        assert!(message.starts_with("postgres://factory@") && !message.contains(password), "{message}");
    }
}

#[tokio::test]
async fn a_database_is_taken_by_one_process_at_a_time() {
    let test = "a_database_is_taken_by_one_process_at_a_time";
    let Some((address, database)) = open(test).await else { return };
    let alone = database.alone().await.unwrap();
    let other = PgDatabase::open(&address, PgOptions::default()).await.unwrap();
    let refused = other.alone().await.err().unwrap();
    assert!(
        refused.to_string().contains("another process of the factory works on this database"),
        "{refused}"
    );
    drop(alone);
    other.alone().await.unwrap();
}

#[tokio::test]
async fn a_write_that_fails_leaves_nothing_and_one_after_the_end_is_refused() {
    let test = "a_write_that_fails_leaves_nothing_and_one_after_the_end_is_refused";
    let Some((_, database)) = open(test).await else { return };
    let insert = "INSERT INTO tokens VALUES ('hash', 'default', 'admin', 0)";
    let failed: Result<(), Error> = database
        .write(move |c| {
            Box::pin(async move {
                sqlx::query(insert).execute(c).await.unwrap();
                Err(Error::Address { reason: "made up".to_owned() })
            })
        })
        .await;
    assert!(matches!(failed, Err(Error::Address { .. })));
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM tokens").fetch_one(database.reads()).await.unwrap();
    assert_eq!(count, 0);
    database.close().await;
    let late: Result<(), Error> = database.write(|_| Box::pin(async { Ok(()) })).await;
    assert!(matches!(late, Err(Error::Closed { .. })), "{late:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_in_a_commit_leaves_the_outcome_open() {
    let test = "a_connection_that_breaks_in_a_commit_leaves_the_outcome_open";
    let Some((_, database)) = open(test).await else { return };
    // A check at the end of the transaction ends the connection: what an outage in that moment looks like.
    sqlx::raw_sql(
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON tokens DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION cut();",
    )
    .execute(database.reads())
    .await
    .unwrap();
    let insert = "INSERT INTO tokens VALUES ('hash', 'default', 'admin', 0)";
    let cut: Result<(), Error> = database
        .write(move |c| {
            Box::pin(async move {
                sqlx::query(insert).execute(c).await.unwrap();
                Ok(())
            })
        })
        .await;
    let error = cut.unwrap_err();
    assert!(matches!(error, Error::Unknown { .. }), "{error:?}");
    assert!(error.to_string().contains("read what is there before trying again"), "{error}");
    // The pool goes on with a fresh connection.
    database.write(|_| Box::pin(async { Ok::<(), Error>(()) })).await.unwrap();
}
