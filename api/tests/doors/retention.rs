//! Runs that are older than the configuration lets them be.

use std::collections::BTreeMap;

use engine_ports::{Commit, EventRecord, NewRun, RunRow, RunStore as _};
use engine_runtime::{SystemClock, SystemIds};
use engine_stores::SqliteRunStore;
use migrations::{Database, Options, Schema};
use serde_json::json;
use vocab::{Clock as _, Compensation, Digest, RunId, RunStatus, TenantName, Timestamp};

use crate::harness::{Server, json_of, program};

fn ended(at: Timestamp) -> NewRun {
    let run = RunRow {
        id: RunId::generate(&SystemIds::new()),
        tenant: TenantName::default_tenant(),
        project: None,
        workflow: "hello".to_owned(),
        plan: Digest::of("plan"),
        trigger: json!({ "kind": "manual", "actor": "a test" }),
        inputs: BTreeMap::new(),
        status: RunStatus::Succeeded,
        compensation: Compensation::NotNeeded,
        outputs: BTreeMap::new(),
        error: None,
        created_at: at,
        finished_at: Some(at),
        seq: 1,
        group: None,
        parent: None,
    };
    let event = EventRecord { seq: 1, at, kind: "run_created".to_owned(), v: 1, payload: json!({}) };
    let commit = Commit {
        run,
        expected_seq: 0,
        events: vec![event],
        steps: Vec::new(),
        effects: Vec::new(),
        leases: Vec::new(),
        memos: Vec::new(),
        claim: None,
        answers: Vec::new(),
    };
    NewRun { commit, plan: json!({}), origin: None }
}

#[tokio::test]
async fn a_run_that_is_too_old_is_gone_for_every_door() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("image-factory.toml"), "[retention]\nruns_per_workflow_min = 0\n").unwrap();
    let database = Database::open(data.join("engine.db"), Schema::Engine, Options::default()).await.unwrap();
    let runs = SqliteRunStore::new(database.clone());
    let old = runs.create(ended(Timestamp::from_millis(1))).await.unwrap();
    let young = runs.create(ended(SystemClock::new().now())).await.unwrap();
    database.close().await;
    let server = Server::start(folder.path());
    let status = async |path: String| {
        let response = server.request("GET", &path).bearer_auth(&server.token).send().await.unwrap();
        response.status().as_u16()
    };
    let mut found = 0;
    for _ in 0..500 {
        found = status(format!("/api/v1/runs/{old}")).await;
        if found == 404 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(found, 404);
    for part in ["events", "steps", "effects", "logs?step=a"] {
        assert_eq!(status(format!("/api/v1/runs/{old}/{part}")).await, 404, "{part}");
    }
    assert_eq!(status(format!("/api/v1/runs/{young}")).await, 200);
    let client = |args: &[&str]| program(folder.path()).args(args).args(["--data-dir", "data"]).output();
    let listed = json_of(&client(&["runs", "list", "--output", "json"]).unwrap());
    let listed: Vec<_> = listed.as_array().unwrap().iter().map(|run| run["id"].clone()).collect();
    assert_eq!(listed, [json!(young)]);
    let shown = client(&["runs", "show", &old.to_string()]).unwrap();
    let said = String::from_utf8(shown.stderr).unwrap();
    assert!(!shown.status.success() && said.contains(&format!("run {old}")), "{said}");
}
