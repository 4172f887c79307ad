//! What SQLite does for each statement that runs often: it must search an index, never scan a table.

use migrations::{Database, Options, Schema};
use sqlx::Row as _;

use super::{
    claims, deliveries, effects, events, leases, logs, memo_use, memos, origins, plans, projects, requests,
    retention, room, runs, steps, token_store,
};

const HOT: &[&str] = &[
    plans::BY_DIGEST,
    runs::ADVANCE,
    runs::BY_ID,
    runs::IDS,
    runs::UNFINISHED,
    runs::LIST,
    runs::LIST_BY_STATUS,
    runs::LIST_BY_PROJECT,
    runs::LIST_BY_BOTH,
    room::UNDER_WAY,
    room::QUEUEING,
    origins::FIND,
    events::AFTER,
    steps::OF_RUN,
    effects::OF_RUN,
    effects::STUCK,
    leases::GRANT,
    leases::RENEW,
    leases::CLEAR,
    leases::DROP,
    leases::RENEW_ALL,
    claims::FREE,
    claims::HOLDER,
    claims::OWN,
    claims::RENEW,
    claims::RELEASE,
    requests::OPEN,
    requests::ANSWER,
    requests::TAKE,
    requests::FORGET,
    logs::KEEP,
    logs::FIND,
    logs::OF_STEP,
    retention::FINISHED,
    retention::REMOVABLE,
    retention::REMOVE_PLAN,
    retention::FORGET_DELIVERIES,
    memos::FIND,
    memos::FORGET,
    memo_use::USE,
    projects::UPDATE,
    projects::DELETE,
    projects::BY_NAME,
    projects::BY_ID,
    projects::LIST,
    projects::TENANT,
    deliveries::FIND,
    deliveries::CONCLUDE,
    deliveries::PENDING,
    deliveries::COUNT_PENDING,
    deliveries::CLEAR,
    token_store::FIND,
];

/// Indexes over few rows.
const PARTIAL: &[&str] = &[
    "requests_answered",
    "requests_open",
    "runs_unfinished",
    "runs_under_way",
    "deliveries_pending",
    "effects_stuck",
];

/// Lists that must come out of the index in order, so that a page costs a page.
const ORDERED: &[&str] = &[
    runs::UNFINISHED,
    runs::LIST,
    runs::LIST_BY_STATUS,
    runs::LIST_BY_PROJECT,
    runs::LIST_BY_BOTH,
    events::AFTER,
    projects::LIST,
    deliveries::PENDING,
    retention::FINISHED,
    room::UNDER_WAY,
    claims::FREE,
];

async fn plan(database: &Database, sql: &'static str) -> Vec<String> {
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = sqlx::query(explain).fetch_all(database.reads()).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

#[tokio::test]
async fn hot_statements_search_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let database =
        Database::open(folder.path().join("engine.db"), Schema::Engine, Options::default()).await.unwrap();
    for sql in HOT.iter().chain(&retention::REMOVE) {
        for detail in plan(&database, sql).await {
            // An index whose condition leaves only the rows that are asked for may be read whole.
            let partial = PARTIAL.iter().any(|index| detail.contains(index));
            // Nor is counting what a bounded search gave a scan of a table.
            let counts = detail == "SCAN later";
            assert!(!detail.starts_with("SCAN") || partial || counts, "{detail}: {sql}");
        }
    }
    for sql in ORDERED {
        for detail in plan(&database, sql).await {
            assert!(!detail.contains("TEMP B-TREE"), "{detail}: {sql}");
        }
    }
    database.close().await;
}
