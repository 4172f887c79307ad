//! What the SQLite stores say about a database that somebody else has changed, and about one without space.

#![expect(clippy::unwrap_used, reason = "a test ends where its ground gives way")]

use std::collections::BTreeMap;

use engine_ports::{Commit, EventRecord, NewRun, ProjectStore as _, RunRow, RunStore as _, StoreError};
use engine_stores::{SqliteProjectStore, SqliteRunStore};
use migrations::{Database, Options, Schema};
use serde_json::json;
use vocab::{Compensation, Digest, RunId, RunStatus, SeededIds, TenantName, Timestamp};

async fn open() -> (tempfile::TempDir, Database, SqliteRunStore) {
    let folder = tempfile::tempdir().unwrap();
    let database =
        Database::open(folder.path().join("engine.db"), Schema::Engine, Options::default()).await.unwrap();
    (folder, database.clone(), SqliteRunStore::new(database))
}

fn new_run(payload: serde_json::Value) -> NewRun {
    let row = RunRow {
        id: RunId::generate(&SeededIds::default()),
        tenant: TenantName::default_tenant(),
        project: None,
        workflow: "damage".to_owned(),
        plan: Digest::of("plan"),
        trigger: json!(null),
        inputs: BTreeMap::new(),
        status: RunStatus::Queued,
        compensation: Compensation::NotNeeded,
        outputs: BTreeMap::new(),
        error: None,
        created_at: Timestamp::from_millis(0),
        finished_at: None,
        seq: 1,
        group: None,
        parent: None,
    };
    let event = EventRecord { seq: 1, at: row.created_at, kind: "run_created".to_owned(), v: 1, payload };
    let commit = Commit {
        run: row,
        expected_seq: 0,
        events: vec![event],
        steps: Vec::new(),
        effects: Vec::new(),
        leases: Vec::new(),
        memos: Vec::new(),
        claim: None,
        answers: Vec::new(),
    };
    NewRun { commit, plan: json!([]), origin: None }
}

async fn execute(database: &Database, sql: &'static str) {
    let done: Result<(), migrations::Error> = database
        .write(move |c| {
            Box::pin(async move {
                sqlx::raw_sql(sql).execute(c).await.unwrap();
                Ok(())
            })
        })
        .await;
    done.unwrap();
}

#[tokio::test]
async fn a_cell_that_cannot_be_read_is_named() {
    let (_folder, database, store) = open().await;
    let id = store.create(new_run(json!(1))).await.unwrap();
    for (change, column) in [
        ("UPDATE runs SET status = 'exploded'", "runs.status"),
        ("UPDATE runs SET status = 'queued', inputs = '{'", "runs.inputs"),
        ("UPDATE runs SET inputs = '{}', created_ms = 'soon'", "runs.created_ms"),
        ("UPDATE runs SET created_ms = 0, seq = -1", "runs.seq"),
    ] {
        execute(&database, change).await;
        let error = store.run_any_tenant(id).await.unwrap_err();
        let StoreError::Damaged { row, .. } = &error else { panic!("{error}") };
        assert_eq!(*row, format!("{column} of `{id}`"), "{error}");
    }
    execute(&database, "UPDATE events SET v = 99999999999").await;
    let error = store.events(id, 0, 1).await.unwrap_err().to_string();
    assert!(error.contains("events.v of `") && error.contains("`, `1`"), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_no_half_of_a_run() {
    let (_folder, database, store) = open().await;
    execute(&database, "PRAGMA max_page_count = 80").await;
    let error = store.create(new_run(json!("x".repeat(1 << 20)))).await.unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    assert!(error.to_string().contains("free some space"), "{error}");
    assert_eq!(store.unfinished().await.unwrap(), []);
    assert!(store.plan(&Digest::of("plan")).await.is_err());
    execute(&database, "PRAGMA max_page_count = 100000").await;
    store.create(new_run(json!("x"))).await.unwrap();
}

#[tokio::test]
async fn a_store_that_was_closed_says_so() {
    let (_folder, database, store) = open().await;
    database.close().await;
    assert!(matches!(store.create(new_run(json!(1))).await, Err(StoreError::Closed)));
    assert!(matches!(store.unfinished().await, Err(StoreError::Closed)));
    let projects = SqliteProjectStore::new(database);
    assert!(matches!(projects.pending(None, 1).await, Err(StoreError::Closed)));
}
