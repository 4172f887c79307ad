//! Something to keep up, for tests: empty stores, a registry in a folder, and a clock that stands still.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine_ports::{Commit, EffectKey, EffectRecord, EventRecord, MemoEntry, MemoKey, NewRun, RunRow};
use engine_runtime::Logs;
use engine_stores::{MemoryProjectStore, MemoryRunStore};
use migrations::{Database, Options, Schema};
use registry::{Registry, Settings, Unbounded};
use serde_json::json;
use tempfile::TempDir;
use vocab::{
    Clock as _, Compensation, Digest, EffectState, Limits, ManualClock, RunId, RunStatus, SeededIds,
    StepPath, TenantName, Timestamp,
};

use super::Upkeep;

pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) clock: Arc<ManualClock>,
    pub(super) ids: Arc<SeededIds>,
    pub(super) upkeep: Upkeep,
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ids = Arc::new(SeededIds::default());
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let database =
            Database::open(folder.path().join("registry.db"), Schema::Registry, Options::default()).await;
        let settings = Settings {
            folder: folder.path().to_owned(),
            clock: clock.clone(),
            ids: ids.clone(),
            admission: Arc::new(Unbounded),
            lease: Duration::from_secs(3600),
            blob_bytes: 1000,
            manifest_bytes: 1000,
        };
        let upkeep = Upkeep {
            registry: Registry::open(settings, database.unwrap(), 1).await.unwrap(),
            runs: Arc::new(MemoryRunStore::new()),
            projects: Arc::new(MemoryProjectStore::new()),
            logs: Logs::open(folder.path().join("logs"), &Limits::default(), clock.clone()).unwrap(),
            clock: clock.clone(),
            policy: None,
            unused: None,
        };
        Self { folder, clock, ids, upkeep }
    }

    /// A cache entry that is stored now.
    pub(super) async fn memo(&self, key: MemoKey) {
        self.create(RunStatus::Succeeded, &[], Some(key)).await;
    }

    /// A run that stands where it is since now, with effects in these states.
    pub(super) async fn run(&self, status: RunStatus, effects: &[EffectState]) -> RunId {
        self.create(status, effects, None).await
    }

    async fn create(&self, status: RunStatus, effects: &[EffectState], memo: Option<MemoKey>) -> RunId {
        let now = self.clock.now();
        let id = RunId::generate(&*self.ids);
        let run = RunRow {
            id,
            tenant: TenantName::default_tenant(),
            project: None,
            workflow: "hello".to_owned(),
            plan: Digest::of("plan"),
            trigger: json!(null),
            inputs: BTreeMap::new(),
            status,
            compensation: Compensation::NotNeeded,
            outputs: BTreeMap::new(),
            error: None,
            created_at: now,
            finished_at: status.is_terminal().then_some(now),
            seq: 1,
            group: None,
            parent: None,
        };
        let event = EventRecord { seq: 1, at: now, kind: "run_created".to_owned(), v: 1, payload: json!({}) };
        let effect = |(seq, state): (u64, &EffectState)| EffectRecord {
            key: EffectKey { run: id, path: "a".parse().unwrap(), name: format!("thing-{seq}") },
            action: "registry/tag@v1".parse().unwrap(),
            intent: json!(null),
            handle: None,
            state: *state,
            attempt: 1,
            seq,
        };
        let path: StepPath = "a".parse().unwrap();
        let entry = |key| MemoEntry { key, outputs: BTreeMap::new(), run: id, path, at: now, used: now };
        let commit = Commit {
            run,
            expected_seq: 0,
            events: vec![event],
            steps: Vec::new(),
            effects: (1..).zip(effects).map(effect).collect(),
            leases: Vec::new(),
            memos: memo.map(entry).into_iter().collect(),
            claim: None,
            answers: Vec::new(),
        };
        self.upkeep.runs.create(NewRun { commit, plan: json!({}), origin: None }).await.unwrap()
    }
}
