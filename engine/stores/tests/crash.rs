//! A process that is killed while it commits: what it was told is written is there, and nothing is there by half.
//!
//! The test starts itself again as the process to kill. The child runs several writers and prints a line for each
//! commit that was acknowledged; the parent kills it at a moment that differs from round to round.

#![expect(clippy::unwrap_used, reason = "a test ends where its ground gives way")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use engine_ports::{Commit, EffectKey, EffectRecord, EventRecord, NewRun, RunRow, RunStore as _, StepRow};
use engine_stores::SqliteRunStore;
use migrations::{Database, Options, Schema};
use serde_json::json;
use vocab::{
    Compensation, Digest, EffectState, RunId, RunStatus, SeededIds, StepPath, StepStatus, TenantName,
    Timestamp,
};

const NAME: &str = "acknowledged_commits_survive_a_kill_and_none_is_there_by_half";
const FOLDER: &str = "CRASH_TEST_FOLDER";
/// After so many acknowledgements a writer ends by itself, should it be told so.
const ACKS: &str = "CRASH_TEST_ACKS";
const ROUNDS: usize = 6;
const WRITERS: usize = 8;

async fn open(folder: &Path) -> (Database, SqliteRunStore) {
    let database =
        Database::open(folder.join("engine.db"), Schema::Engine, Options::default()).await.unwrap();
    (database.clone(), SqliteRunStore::new(database))
}

fn new_run(id: RunId) -> RunRow {
    RunRow {
        id,
        tenant: TenantName::default_tenant(),
        project: None,
        workflow: "crash".to_owned(),
        plan: Digest::of("plan"),
        trigger: json!(null),
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
    }
}

/// Two events, a step and an effect, all of which say the number of the commit's last event.
fn next(row: &RunRow) -> Commit {
    let seq = row.seq + 2;
    let path: StepPath = "build".parse().unwrap();
    let event = |seq| EventRecord {
        seq,
        at: Timestamp::from_millis(1),
        kind: "tick".to_owned(),
        v: 1,
        payload: json!({ "padding": "x".repeat(500) }),
    };
    Commit {
        run: RunRow { seq, ..row.clone() },
        expected_seq: row.seq,
        events: vec![event(row.seq + 1), event(seq)],
        steps: vec![StepRow {
            run: row.id,
            path: path.clone(),
            position: 0,
            action: "shell/run@v1".to_owned(),
            status: StepStatus::Running,
            attempts: u32::try_from(seq).unwrap(),
            cached: false,
            outputs: BTreeMap::new(),
            error: None,
            ready_at: None,
            started_at: None,
            finished_at: None,
        }],
        effects: vec![EffectRecord {
            key: EffectKey { run: row.id, path, name: "tick".to_owned() },
            action: "shell/run@v1".parse().unwrap(),
            intent: json!(null),
            handle: None,
            state: EffectState::Intended,
            attempt: 1,
            seq,
        }],
        leases: Vec::new(),
        memos: Vec::new(),
        claim: None,
        answers: Vec::new(),
    }
}

/// Moves the runs on, each as fast as it can, until the process is killed.
async fn commit_until_killed(folder: &Path) {
    let (_database, store) = open(folder).await;
    let store = Arc::new(store);
    let ids = SeededIds::default();
    #[expect(clippy::disallowed_methods, reason = "how the test tells its child when to end")]
    let most = std::env::var(ACKS).map_or(usize::MAX, |acks| acks.parse().unwrap());
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let (store, id) = (Arc::clone(&store), RunId::generate(&ids));
        writers.spawn(async move {
            let earlier = store.run_any_tenant(id).await.unwrap();
            let mut row = earlier.unwrap_or_else(|| new_run(id));
            if row.seq == 0 {
                let commit = next(&row);
                row = commit.run.clone();
                store.create(NewRun { commit, plan: json!([]), origin: None }).await.unwrap();
            }
            for _ in 0..most {
                // One write of one whole line: a kill cannot cut it.
                let line = format!("ack {} {}\n", row.id, row.seq);
                std::io::stdout().write_all(line.as_bytes()).unwrap();
                let commit = next(&row);
                row = commit.run.clone();
                store.commit(commit).await.unwrap();
            }
        });
    }
    // No writer ends by itself: the first that does has failed, and the parent sees the lines end.
    writers.join_next().await;
}

/// Starts a writing process, kills it after `acks` acknowledgements, and gives the last of each run.
fn killed_after(folder: &Path, acks: usize) -> BTreeMap<RunId, u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the process to kill is this test itself, not a step's tool"
    )]
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut acknowledged = BTreeMap::new();
    let mut count = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some((run, seq)) = line.strip_prefix("ack ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        acknowledged.insert(run.parse().unwrap(), seq.parse().unwrap());
        count += 1;
        if count == acks {
            child.kill().unwrap();
        }
        // The rest was acknowledged before the kill as well: read to the end.
    }
    child.wait().unwrap();
    assert!(count >= acks, "the process ended by itself after {count} commits");
    acknowledged
}

/// What was acknowledged is there, and nothing is there by half.
async fn holds(folder: &Path, acknowledged: BTreeMap<RunId, u64>, about: &str) {
    let (database, store) = open(folder).await;
    for (run, acknowledged) in acknowledged {
        let row = store.run_any_tenant(run).await.unwrap().unwrap();
        assert!(row.seq >= acknowledged, "{about}: {} of {acknowledged}", row.seq);
        let events = store.events(run, 0, u32::MAX).await.unwrap();
        let seqs: Vec<_> = events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=row.seq).collect::<Vec<_>>(), "{about}");
        let steps = store.steps(run).await.unwrap();
        assert_eq!(u64::from(steps[0].attempts), row.seq, "{about}");
        let effects = store.effects(run).await.unwrap();
        assert_eq!(effects[0].seq, row.seq, "{about}");
    }
    let sound: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(database.reads()).await.unwrap();
    assert_eq!(sound, "ok", "{about}");
    database.close().await;
}

#[tokio::test]
async fn acknowledged_commits_survive_a_kill_and_none_is_there_by_half() {
    #[expect(clippy::disallowed_methods, reason = "how the test tells its child that it is one")]
    if let Some(folder) = std::env::var_os(FOLDER) {
        return commit_until_killed(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let acknowledged = killed_after(folder.path(), 1 + round * 97);
        holds(folder.path(), acknowledged, &format!("round {round}")).await;
    }
}

/// The last acknowledgement of each run.
fn last_of_each<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<RunId, u64> {
    let acks = lines.filter_map(|line| line.strip_prefix("ack ")?.split_once(' '));
    acks.map(|(run, seq)| (run.parse().unwrap(), seq.parse().unwrap())).collect()
}

/// A kill leaves what the kernel has; when the power goes, only what was synced is there.
#[tokio::test]
async fn acknowledged_commits_survive_the_loss_of_power_by_strace() {
    const TEST: &str = "acknowledged_commits_survive_the_loss_of_power_by_strace";
    const CALLS: &str = "trace=openat,write,pwrite64,lseek,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat";
    let (Some(strace), Some(python)) = (test_parts::tool("strace", TEST), test_parts::tool("python3", TEST))
    else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let (folder, log, disks) = (home.path().join("data"), home.path().join("log"), home.path().join("disks"));
    std::fs::create_dir(&folder).unwrap();
    let status = strace
        .command()
        .args(["-f", "-y", "-xx", "-s", "10000000", "-e", CALLS, "-o"])
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(FOLDER, &folder)
        .env(ACKS, "20")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/power_loss.py");
    let most = if test_parts::is_full() { "100000" } else { "60" };
    let replayed = python.command().arg(script).args([&log, &folder, &disks]).arg(most).output().unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let mut told_most = 0;
    let text = String::from_utf8(replayed.stdout).unwrap();
    for line in text.lines() {
        let state: serde_json::Value = serde_json::from_str(line).unwrap();
        let told: Vec<_> =
            state["told"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let place = state["state"].as_str().unwrap();
        let acknowledged = last_of_each(told.iter().copied());
        told_most = told_most.max(acknowledged.values().sum());
        holds(Path::new(place), acknowledged, place).await;
    }
    assert!(told_most > 100, "the process told too little to lose: {told_most} events");
    test_parts::note("losses of power", &text.lines().count().to_string(), "acknowledged commits, SQLite");
}
