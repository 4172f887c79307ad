//! What `/metrics` tells an operator who looks for what needs a person.

use std::collections::{BTreeMap, BTreeSet};

use engine_ports::{Commit, EffectKey, EffectRecord, EventRecord, NewRun, RunRow, RunStore as _};
use engine_stores::SqliteRunStore;
use migrations::{Database, Options, Schema};
use serde_json::{Value as Json, json};
use vocab::{Compensation, Digest, EffectState, RunId, RunStatus, SeededIds, TenantName, Timestamp};

use crate::harness::{HELLO, NONE, Server, factory};
use crate::webhook::accept;

/// The samples that a server gives: name with labels to value.
async fn scrape(server: &Server) -> BTreeMap<String, String> {
    let text = server.request("GET", "/metrics").send().await.unwrap().text().await.unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    samples.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Writes a run that failed into the server's database, with effects that nobody could undo.
async fn leave_stuck(server: &Server, effects: u64) {
    let path = server.folder.join("data/engine.db");
    let database = Database::open(&path, Schema::Engine, Options::default()).await.unwrap();
    let run = RunId::generate(&SeededIds::default());
    let row = RunRow {
        id: run,
        tenant: TenantName::default_tenant(),
        project: None,
        workflow: "left".to_owned(),
        plan: Digest::of("plan"),
        trigger: json!({}),
        inputs: BTreeMap::new(),
        status: RunStatus::Failed,
        compensation: Compensation::Stuck,
        outputs: BTreeMap::new(),
        error: None,
        created_at: Timestamp::from_millis(0),
        finished_at: Some(Timestamp::from_millis(1)),
        seq: 1,
        group: None,
        parent: None,
    };
    let event =
        EventRecord { seq: 1, at: row.created_at, kind: "run_created".to_owned(), v: 1, payload: Json::Null };
    let stuck = |seq| EffectRecord {
        key: EffectKey { run, path: "push".parse().unwrap(), name: format!("effect{seq}") },
        action: "registry/push@v1".parse().unwrap(),
        intent: json!({}),
        handle: None,
        state: EffectState::Stuck,
        attempt: 1,
        seq,
    };
    let commit = Commit {
        run: row,
        expected_seq: 0,
        events: vec![event],
        steps: Vec::new(),
        effects: (1..=effects).map(stuck).collect(),
        leases: Vec::new(),
        memos: Vec::new(),
        claim: None,
        answers: Vec::new(),
    };
    let new = NewRun { commit, plan: json!({}), origin: None };
    SqliteRunStore::new(database.clone()).create(new).await.unwrap();
    database.close().await;
}

#[tokio::test]
async fn what_waits_for_a_person_and_what_was_delivered_is_counted_by_git() {
    let test = "what_waits_for_a_person_and_what_was_delivered_is_counted_by_git";
    let Some((_folder, server, _, commit)) = factory(test, &[(".image-factory/hello.yaml", HELLO)]).await
    else {
        return;
    };
    let before = scrape(&server).await;
    assert_eq!(
        (&*before["image_factory_effects_stuck"], &*before["image_factory_deliveries_pending"]),
        ("0", "0")
    );
    leave_stuck(&server, 2).await;
    accept(&server, &commit, &["d-1", "d-2", "d-3"]).await;
    let waiting = scrape(&server).await;
    assert_eq!(waiting["image_factory_effects_stuck"], "2");
    assert_eq!(waiting["image_factory_deliveries_pending"], "3");
    // A redelivery is acted on at once, whatever the clock of the others says.
    assert_eq!(server.push("app", "d-1", NONE, &commit).await.status(), 202);
    let after = scrape(&server).await;
    let done: u32 = after["image_factory_webhook_deliveries_total{result=\"done\"}"].parse().unwrap();
    let pending: u32 = after["image_factory_deliveries_pending"].parse().unwrap();
    assert!(done >= 1 && pending <= 2, "{after:?}");
    let others: BTreeSet<_> = after.keys().filter(|name| !name.starts_with("image_factory_")).collect();
    assert_eq!(others, BTreeSet::new(), "every name says whose it is");
}
