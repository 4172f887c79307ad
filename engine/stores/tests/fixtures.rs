//! Databases that earlier versions wrote, opened by this one.
//!
//! Each `fixtures/NAME.db` is copied, opened (which migrates it) and read whole; `NAME.json` holds what must come
//! out. `NAME.sql` is the same on PostgreSQL, as its `pg_dump` writes it, and gives the same. A tagged version leaves its pair behind for good: from then on only the JSON of what is read may grow.
//! The current version's pair is made anew with `UPDATE=1 cargo test -p engine-stores --test fixtures`.

#![expect(clippy::unwrap_used, reason = "a test ends where its ground gives way")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine_ports::{
    Commit, Delivery, DeliveryOutcome, EffectKey, EffectRecord, EventRecord, Lease, LeaseChange, LogRecord,
    MemoEntry, MemoKey, NewDelivery, NewRun, Project, ProjectStore as _, Request, RunFilter, RunRow,
    RunStore as _, StepRow, Token, TokenStore as _,
};
use engine_stores::{SqlDatabase, SqlProjectStore, SqlRunStore, SqlTokenStore};
use migrations::{Database, Options, PgDatabase, PgOptions, Schema};
use serde_json::{Value as Json, json};
use sqlx::Connection as _;
use vocab::{
    ArtifactKind, ArtifactRef, Compensation, Digest, EffectState, OnNew, ProjectId, RequestId, RunGroup,
    RunId, RunStatus, SecretRef, SeededIds, StepPath, StepStatus, TenantName, Timestamp, Value, WorkerId,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

async fn open(path: &Path) -> SqlDatabase {
    Database::open(path, Schema::Engine, Options::default()).await.unwrap().into()
}

async fn connect(address: &str) -> PgDatabase {
    PgDatabase::open(address, PgOptions::default()).await.unwrap()
}

#[expect(clippy::disallowed_methods, reason = "UPDATE=1 asks a test to write its fixture")]
fn is_update() -> bool {
    std::env::var("UPDATE").is_ok()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + millis)
}

/// A project, its push, and a run that stands in the middle of a build: something in every table and column.
async fn record(database: &SqlDatabase) {
    let ids = SeededIds::default();
    let tenant = TenantName::default_tenant();
    let projects = SqlProjectStore::new(database.clone());
    let project = Project {
        id: ProjectId::generate(&ids),
        tenant: tenant.clone(),
        name: "golden-debian".parse().unwrap(),
        url: "https://git.example/golden-debian.git".to_owned(),
        credentials_secret: Some(SecretRef("git-token".to_owned())),
        trust_host: true,
        sealed_secret: vec![1, 2, 3],
        created_at: at(0),
    };
    projects.add(project.clone()).await.unwrap();
    for delivery in ["push-1", "push-2"] {
        let new = NewDelivery {
            project: project.id,
            delivery: delivery.to_owned(),
            event: "push".to_owned(),
            payload: json!({ "ref": "refs/heads/main" }),
            at: at(1),
        };
        assert_eq!(projects.accept(new).await.unwrap(), Delivery::New);
    }
    let outcome = DeliveryOutcome::Done { answer: json!({ "runs": 1 }), status: 202 };
    projects.conclude(project.id, "push-1", outcome).await.unwrap();
    let token = Token {
        hash: Digest::of("token").hex().to_owned(),
        user: "admin".to_owned(),
        tenant: tenant.clone(),
        created_at: at(0),
    };
    SqlTokenStore::new(database.clone()).add_token(token).await.unwrap();
    let runs = SqlRunStore::new(database.clone());
    let run = runs.create(half_done(&ids, &tenant, &project)).await.unwrap();
    let log = LogRecord {
        run,
        path: "build[2]/inner".parse().unwrap(),
        attempt: 1,
        tenant,
        digest: Digest::of("log"),
        stored_bytes: 40,
        bytes: 400,
    };
    runs.keep_log(log).await.unwrap();
    let tenant = TenantName::default_tenant();
    let id = RequestId::generate(&ids);
    let request = Request { id, run, tenant, asked_at: at(7), ask: json!({ "cancel": { "by": "ada" } }) };
    runs.post(request).await.unwrap();
}

fn half_done(ids: &SeededIds, tenant: &TenantName, project: &Project) -> NewRun {
    let run = RunId::generate(ids);
    let path: StepPath = "build[2]/inner".parse().unwrap();
    let tree = ArtifactRef { kind: ArtifactKind::Tree, digest: Digest::of("tree"), size: 4096 };
    let outputs = BTreeMap::from([("tree".to_owned(), Value::from(tree))]);
    let event = |seq, kind: &str| EventRecord {
        seq,
        at: at(2),
        kind: kind.to_owned(),
        v: 1,
        payload: json!({ "path": "build[2]/inner" }),
    };
    let commit = Commit {
        run: RunRow {
            id: run,
            tenant: tenant.clone(),
            project: Some(project.id),
            workflow: "golden-debian".to_owned(),
            plan: Digest::of("plan"),
            trigger: json!({ "kind": "push" }),
            inputs: BTreeMap::from([("release".to_owned(), Value::from("bookworm"))]),
            status: RunStatus::Running,
            compensation: Compensation::NotNeeded,
            outputs: outputs.clone(),
            error: Some("none yet".to_owned()),
            created_at: at(2),
            finished_at: Some(at(9)),
            seq: 2,
            group: Some(RunGroup { name: "golden".to_owned(), limit: 2, on_new: OnNew::Drop }),
            parent: None,
        },
        expected_seq: 0,
        events: vec![event(1, "run_created"), event(2, "attempt_started")],
        steps: vec![StepRow {
            run,
            path: path.clone(),
            position: 1,
            action: "container/buildah@v1".to_owned(),
            status: StepStatus::Running,
            attempts: 1,
            cached: false,
            outputs: outputs.clone(),
            error: Some(json!({ "class": "transient" })),
            ready_at: Some(at(3)),
            started_at: Some(at(4)),
            finished_at: Some(at(5)),
        }],
        effects: vec![EffectRecord {
            key: EffectKey { run, path: path.clone(), name: "container".to_owned() },
            action: "container/buildah@v1".parse().unwrap(),
            intent: json!({ "name": "build" }),
            handle: Some(json!("id")),
            state: EffectState::Made,
            attempt: 1,
            seq: 1,
        }],
        leases: vec![LeaseChange::Grant(Lease {
            run,
            path: path.clone(),
            attempt: 1,
            worker: WorkerId::generate(ids),
            token: 2,
            expires_at: at(60_000),
        })],
        memos: vec![MemoEntry { key: memo_key(tenant), outputs, run, path, at: at(5), used: at(5) }],
        claim: None,
        answers: Vec::new(),
    };
    let origin = Some(("push-1".to_owned(), ".image-factory/golden.yaml".to_owned()));
    NewRun { commit, plan: json!({ "steps": ["build"] }), origin }
}

fn memo_key(tenant: &TenantName) -> MemoKey {
    MemoKey { tenant: tenant.clone(), scope: "protected".to_owned(), digest: Digest::of("key") }
}

/// All that the stores read out of a database.
async fn read(database: &SqlDatabase) -> Json {
    let tenant = TenantName::default_tenant();
    let runs = SqlRunStore::new(database.clone());
    let projects = SqlProjectStore::new(database.clone());
    let token = SqlTokenStore::new(database.clone()).token(Digest::of("token").hex()).await.unwrap();
    let pending = projects.pending(None, 10).await.unwrap();
    let mut whole = Vec::new();
    for row in runs.runs(&tenant, RunFilter::default(), 100).await.unwrap().items {
        whole.push(json!({
            "events": runs.events(row.id, 0, 1000).await.unwrap(),
            "steps": runs.steps(row.id).await.unwrap(),
            "effects": runs.effects(row.id).await.unwrap(),
            "logs": runs.logs(row.id, &"build[2]/inner".parse().unwrap()).await.unwrap(),
            "plan": runs.plan(&row.plan).await.unwrap(),
            "run": row,
        }));
    }
    json!({
        "runs": whole,
        "unfinished": runs.unfinished().await.unwrap(),
        "under_way": runs.under_way(&tenant).await.unwrap().iter().map(|run| run.run).collect::<Vec<_>>(),
        "leases": runs.leases().await.unwrap(),
        "memo": runs.memo(&memo_key(&tenant)).await.unwrap(),
        "projects": projects.list(&tenant, None, 100).await.unwrap().items,
        "pending": pending.iter().map(|delivery| &delivery.delivery).collect::<Vec<_>>(),
        "token": token.map(|token| json!({ "user": token.user, "created_at": token.created_at })),
    })
}

/// Writes the current version's pair anew.
async fn update() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("engine.db");
    let database = open(&path).await;
    record(&database).await;
    let text = whole(&database).await;
    // Closing folds the log into the file, so that the file alone is the database.
    database.close().await;
    let name = concat!("v", env!("CARGO_PKG_VERSION"));
    std::fs::create_dir_all(folder()).unwrap();
    std::fs::copy(&path, folder().join(format!("{name}.db"))).unwrap();
    std::fs::write(folder().join(format!("{name}.json")), text).unwrap();
}

/// The fixtures of one kind, each with what must come out of it.
fn fixtures(kind: &str) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == kind))
        .map(|path| (path.clone(), std::fs::read_to_string(path.with_extension("json")).unwrap()))
        .collect();
    assert!(!found.is_empty(), "no fixture in {}", folder().display());
    found
}

async fn whole(database: &SqlDatabase) -> String {
    serde_json::to_string_pretty(&read(database).await).unwrap() + "\n"
}

#[tokio::test]
async fn databases_of_every_version_open_and_read_the_same() {
    if is_update() {
        update().await;
    }
    for (fixture, expected) in fixtures("db") {
        let scratch = tempfile::tempdir().unwrap();
        let copy = scratch.path().join("engine.db");
        std::fs::copy(&fixture, &copy).unwrap();
        let database = open(&copy).await;
        assert_eq!(whole(&database).await, expected, "{}", fixture.display());
        database.close().await;
    }
}

/// What `pg_dump` says of the tables and rows, without what depends on its version and on the session.
fn dump(server: &test_parts::Postgres, name: &str) -> String {
    let mut program = server.program("pg_dump");
    let output = program.args(["--inserts", "--no-owner", "--dbname", name]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let passing = ["--", "\\", "SET ", "SELECT pg_catalog.set_config"];
    let kept =
        text.lines().filter(|line| !line.is_empty() && !passing.iter().any(|word| line.starts_with(word)));
    kept.flat_map(|line| [line, "\n"]).collect()
}

#[tokio::test]
async fn servers_of_every_version_open_and_read_the_same() {
    let test = "servers_of_every_version_open_and_read_the_same";
    let Some(server) = test_parts::postgres(test) else { return };
    if is_update() {
        let address = server.database();
        let database = SqlDatabase::from(connect(&address).await);
        record(&database).await;
        let name = concat!("v", env!("CARGO_PKG_VERSION"), ".sql");
        let dumped = dump(server, test_parts::Postgres::name(&address));
        std::fs::write(folder().join(name), dumped).unwrap();
    }
    for (fixture, expected) in fixtures("sql") {
        let address = server.database();
        let mut connection = sqlx::PgConnection::connect(&address).await.unwrap();
        let statements = std::fs::read_to_string(&fixture).unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut connection).await.unwrap();
        let database = SqlDatabase::from(connect(&address).await);
        assert_eq!(whole(&database).await, expected, "{}", fixture.display());
        database.close().await;
    }
}
