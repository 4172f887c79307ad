//! Rows to work with: full ones, so that a column that is lost shows.

use std::collections::BTreeMap;
use std::time::Duration;

use engine_ports::{
    Commit, EffectKey, EffectRecord, EventRecord, Lease, LeaseChange, LogRecord, MemoEntry, MemoKey, NewRun,
    Project, RunRow, StepRow,
};
use serde_json::json;
use vocab::{
    ArtifactKind, ArtifactRef, Compensation, Digest, EffectState, IdSource, Name, ProjectId, RequestId,
    RunId, RunStatus, SecretRef, SeededIds, StepPath, StepStatus, TenantName, Timestamp, Value, WorkerId,
};

/// Ids 1, 2, 3 …, each later than the one before.
#[derive(Default)]
pub(crate) struct Sample {
    ids: SeededIds,
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn path(text: &str) -> StepPath {
    text.parse().unwrap()
}

pub(crate) const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

impl Sample {
    pub(crate) fn ids(&self) -> &dyn IdSource {
        &self.ids
    }

    pub(crate) fn worker(&self) -> WorkerId {
        WorkerId::generate(&self.ids)
    }

    pub(crate) fn request(&self) -> RequestId {
        RequestId::generate(&self.ids)
    }

    pub(crate) fn project(&self, tenant: &TenantName, text: &str) -> Project {
        Project {
            id: ProjectId::generate(&self.ids),
            tenant: tenant.clone(),
            name: name(text),
            url: format!("https://git.example/{text}.git"),
            credentials_secret: Some(SecretRef("token".to_owned())),
            trust_host: true,
            sealed_secret: vec![0, 1, 255],
            created_at: at(7),
        }
    }

    /// A run without anything in it but its first event.
    pub(crate) fn new_run(&self, tenant: &TenantName) -> NewRun {
        let row = RunRow {
            id: RunId::generate(&self.ids),
            tenant: tenant.clone(),
            project: Some(ProjectId::generate(&self.ids)),
            workflow: "golden-debian".to_owned(),
            plan: Digest::of("plan"),
            trigger: json!({ "kind": "push", "ref": "refs/heads/main", "actor": "Zoë" }),
            inputs: BTreeMap::from([("release".to_owned(), Value::from("bookworm"))]),
            status: RunStatus::Queued,
            compensation: Compensation::NotNeeded,
            outputs: BTreeMap::new(),
            error: None,
            created_at: at(0),
            finished_at: None,
            seq: 0,
            group: None,
            parent: None,
        };
        NewRun { commit: advance(&row, &["run_created"]), plan: json!({ "steps": ["source"] }), origin: None }
    }
}

/// A commit that moves `row` on by these events and nothing else.
pub(crate) fn advance(row: &RunRow, kinds: &[&str]) -> Commit {
    let events: Vec<_> = (row.seq + 1..)
        .zip(kinds)
        .map(|(seq, kind)| EventRecord {
            seq,
            at: row.created_at.plus(Duration::from_millis(seq)),
            kind: (*kind).to_owned(),
            v: 2,
            payload: json!({ "seq": seq, "text": "zwölf\u{0}\n\"", "list": [1, null, -2.5] }),
        })
        .collect();
    let run = RunRow { seq: row.seq + events.len() as u64, ..row.clone() };
    Commit {
        run,
        expected_seq: row.seq,
        events,
        steps: Vec::new(),
        effects: Vec::new(),
        leases: Vec::new(),
        memos: Vec::new(),
        claim: None,
        answers: Vec::new(),
    }
}

pub(crate) fn step(run: RunId, text: &str) -> StepRow {
    let tree = ArtifactRef { kind: ArtifactKind::Tree, digest: Digest::of("tree"), size: 4096 };
    StepRow {
        run,
        path: path(text),
        position: 3,
        action: "git/fetch@v1".to_owned(),
        status: StepStatus::Failed,
        attempts: 2,
        cached: true,
        outputs: BTreeMap::from([("tree".to_owned(), Value::from(tree))]),
        error: Some(json!({ "class": "permanent", "message": "no such ref", "help": null })),
        ready_at: Some(at(1)),
        started_at: Some(at(2)),
        finished_at: Some(at(3)),
    }
}

pub(crate) fn effect(run: RunId, text: &str, name: &str, seq: u64) -> EffectRecord {
    EffectRecord {
        key: EffectKey { run, path: path(text), name: name.to_owned() },
        action: "registry/tag@v1".parse().unwrap(),
        intent: json!({ "tag": "bookworm", "previous": null }),
        handle: Some(json!({ "digest": "sha256:…" })),
        state: EffectState::Made,
        attempt: 1,
        seq,
    }
}

pub(crate) fn lease(run: RunId, text: &str, worker: WorkerId, token: u64) -> Lease {
    Lease { run, path: path(text), attempt: 1, worker, token, expires_at: at(60_000) }
}

pub(crate) fn grant(run: RunId, text: &str, worker: WorkerId, token: u64) -> LeaseChange {
    LeaseChange::Grant(lease(run, text, worker, token))
}

pub(crate) fn give_up(text: &str, token: u64) -> LeaseChange {
    LeaseChange::Drop { path: path(text), token }
}

pub(crate) fn log(tenant: &TenantName, run: RunId, text: &str, attempt: u32) -> LogRecord {
    LogRecord {
        run,
        path: path(text),
        attempt,
        tenant: tenant.clone(),
        digest: Digest::of(format!("{text} {attempt}")),
        stored_bytes: 40,
        bytes: 1 << 40,
    }
}

pub(crate) fn memo(tenant: &TenantName, scope: &str, run: RunId, output: &str) -> MemoEntry {
    MemoEntry {
        key: MemoKey { tenant: tenant.clone(), scope: scope.to_owned(), digest: Digest::of("key") },
        outputs: BTreeMap::from([("text".to_owned(), Value::from(output))]),
        run,
        path: path("build[2]/inner"),
        at: at(5),
        used: at(5),
    }
}
