//! How many commits a second one database takes: with one writer, and with many that share each flush.
//!
//! `cargo bench -p engine-stores`, or with a folder on the disk to measure as the argument. Each commit is what a
//! step's end costs: two events, a step row, a lease given up and one granted.

#![expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot write has nothing to report")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_ports::{Commit, EventRecord, Lease, LeaseChange, NewRun, RunRow, RunStore as _, StepRow};
use engine_stores::SqliteRunStore;
use migrations::{Database, Options, Schema};
use serde_json::json;
use vocab::{
    Compensation, Digest, RunId, RunStatus, SeededIds, StepPath, StepStatus, TenantName, Timestamp, WorkerId,
};

const TIME: Duration = Duration::from_secs(5);

fn new_run(ids: &SeededIds, worker: WorkerId) -> Commit {
    let row = RunRow {
        id: RunId::generate(ids),
        tenant: TenantName::default_tenant(),
        project: None,
        workflow: "bench".to_owned(),
        plan: Digest::of("plan"),
        trigger: json!({ "kind": "manual" }),
        inputs: BTreeMap::new(),
        status: RunStatus::Running,
        compensation: Compensation::NotNeeded,
        outputs: BTreeMap::new(),
        error: None,
        created_at: Timestamp::from_millis(0),
        finished_at: None,
        seq: 0,
        group: None,
        parent: None,
    };
    let mut commit = next(&row, worker);
    commit.leases.remove(0);
    commit
}

fn next(row: &RunRow, worker: WorkerId) -> Commit {
    let seq = row.seq + 2;
    let path: StepPath = "build".parse().unwrap();
    let event = |seq, kind: &str| EventRecord {
        seq,
        at: Timestamp::from_millis(1),
        kind: kind.to_owned(),
        v: 1,
        payload: json!({ "path": "build", "attempt": 1, "outputs": { "tree": "x".repeat(100) } }),
    };
    let step = StepRow {
        run: row.id,
        path: path.clone(),
        position: 0,
        action: "shell/run@v1".to_owned(),
        status: StepStatus::Succeeded,
        attempts: 1,
        cached: false,
        outputs: BTreeMap::new(),
        error: None,
        ready_at: None,
        started_at: None,
        finished_at: None,
    };
    let lease = Lease {
        run: row.id,
        path: path.clone(),
        attempt: 1,
        worker,
        token: seq,
        expires_at: Timestamp::from_millis(60_000),
    };
    Commit {
        run: RunRow { seq, ..row.clone() },
        expected_seq: row.seq,
        events: vec![event(row.seq + 1, "attempt_succeeded"), event(seq, "attempt_started")],
        steps: vec![step],
        effects: Vec::new(),
        leases: vec![LeaseChange::Drop { path, token: row.seq }, LeaseChange::Grant(lease)],
        memos: Vec::new(),
        claim: None,
        answers: Vec::new(),
    }
}

/// Commits per second of so many writers, each on a run of its own and each waiting for its commit.
async fn measure(folder: &Path, writers: u32) -> f64 {
    let scratch = tempfile::tempdir_in(folder).unwrap();
    let path = scratch.path().join("engine.db");
    let database = Database::open(&path, Schema::Engine, Options::default()).await.unwrap();
    let store = Arc::new(SqliteRunStore::new(database.clone()));
    let ids = SeededIds::default();
    let worker = WorkerId::generate(&ids);
    let mut rows = Vec::new();
    for _ in 0..writers {
        let commit = new_run(&ids, worker);
        rows.push(commit.run.clone());
        store.create(NewRun { commit, plan: json!([]), origin: None }).await.unwrap();
    }
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for mut row in rows {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut count = 0_u32;
            while start.elapsed() < TIME {
                let commit = next(&row, worker);
                row = commit.run.clone();
                store.commit(commit).await.unwrap();
                count += 1;
            }
            count
        });
    }
    let commits: u32 = tasks.join_all().await.into_iter().sum();
    let seconds = start.elapsed().as_secs_f64();
    database.close().await;
    f64::from(commits) / seconds
}

#[tokio::main]
async fn main() {
    // Cargo passes `--bench`; anything else is the folder.
    let folder = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    for writers in [1, 10, 100] {
        let rate = measure(&folder, writers).await;
        println!("engine.db, {writers:>3} concurrent writers: {rate:>8.0} commits/s");
    }
}
