//! The schema that the migrations make, held against the committed dump.
//!
//! After a new migration: `UPDATE=1 cargo test -p migrations --test schema`, and commit the dump beside it.

#![expect(clippy::unwrap_used, reason = "a test ends where its ground gives way")]

use std::collections::BTreeSet;
use std::path::Path;

use migrations::{Database, Options, Schema};

const DUMP: &str = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name";

const SCHEMAS: [Schema; 2] = [Schema::Engine, Schema::Registry];

/// Tables whose rows belong to no tenant, and why that is right. See `docs/adr/0008-content-without-a-tenant.md`.
const WITHOUT_TENANT: &[(&str, &str, &str)] = &[
    ("engine", "schema_migrations", "what was done to the database, not what is in it"),
    ("registry", "schema_migrations", "what was done to the database, not what is in it"),
    ("registry", "blobs", "bytes are stored once for all; `repository_blobs` says whose they are"),
    ("registry", "manifests", "bytes are stored once for all; `repository_manifests` says whose they are"),
    ("registry", "manifest_references", "what the bytes of a manifest name, whoever pushed it"),
    ("registry", "holds", "its owners are texts of runs and cache entries, which the registry does not read"),
];

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
    for schema in SCHEMAS {
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

#[tokio::test]
async fn every_row_has_its_tenant_but_where_a_reason_is_given() {
    let mut without = BTreeSet::new();
    for schema in SCHEMAS {
        let folder = tempfile::tempdir().unwrap();
        let database =
            Database::open(folder.path().join("test.db"), schema, Options::default()).await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT t.name FROM sqlite_schema t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND NOT EXISTS \
             (SELECT 1 FROM pragma_table_info(t.name) c WHERE c.name = 'tenant' AND c.type = 'TEXT' AND c.\"notnull\" = 1)",
        )
        .fetch_all(database.reads())
        .await
        .unwrap();
        without.extend(tables.into_iter().map(|table| (schema.name(), table)));
        database.close().await;
    }
    let listed: BTreeSet<_> =
        WITHOUT_TENANT.iter().map(|(schema, table, _)| (*schema, (*table).to_owned())).collect();
    let missing: Vec<_> = without.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "without `tenant TEXT NOT NULL`: {missing:?}; add it, or a reason to the list"
    );
    let gone: Vec<_> = listed.difference(&without).collect();
    assert!(gone.is_empty(), "in the list, and with a tenant or not there: {gone:?}; take it out");
}
