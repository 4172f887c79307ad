//! The schema that the migrations make, held against the committed dump.
//!
//! After a new migration: `UPDATE=1 cargo test -p migrations --test schema`, and commit the dump beside it.

#![expect(clippy::unwrap_used, reason = "a test ends where its ground gives way")]

use std::path::Path;

use migrations::{Database, Options, Schema};

const DUMP: &str = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name";

async fn dump(schema: Schema) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    Database::open(&path, schema, Options::default()).await.unwrap().close().await;
    // Opened again, so that a migration that would not survive its own repetition shows itself.
    let database = Database::open(&path, schema, Options::default()).await.unwrap();
    let statements: Vec<String> = sqlx::query_scalar(DUMP).fetch_all(database.reads()).await.unwrap();
    database.close().await;
    statements.into_iter().map(|sql| sql + ";\n").collect()
}

async fn holds(schema: Schema) {
    let fresh = dump(schema).await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("sqlite/{}.schema.sql", schema.name()));
    #[expect(clippy::disallowed_methods, reason = "UPDATE=1 asks a test to write its fixture")]
    let update = std::env::var("UPDATE").is_ok();
    if update {
        std::fs::write(&file, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(fresh, committed, "{} is stale: run this test with UPDATE=1", file.display());
}

#[tokio::test]
async fn the_engine_schema_is_the_committed_one() {
    holds(Schema::Engine).await;
}

#[tokio::test]
async fn the_registry_schema_is_the_committed_one() {
    holds(Schema::Registry).await;
}

#[tokio::test]
async fn columns_have_only_types_that_postgresql_reads_the_same() {
    for schema in [Schema::Engine, Schema::Registry] {
        let folder = tempfile::tempdir().unwrap();
        let database =
            Database::open(folder.path().join("test.db"), schema, Options::default()).await.unwrap();
        let odd: Vec<String> = sqlx::query_scalar(
            "SELECT t.name || '.' || c.name || ' ' || c.type \
             FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND c.type NOT IN ('BIGINT', 'TEXT', 'BLOB')",
        )
        .fetch_all(database.reads())
        .await
        .unwrap();
        assert_eq!(odd, Vec::<String>::new(), "{}", schema.name());
        database.close().await;
    }
}
