//! Claims about runs and their events.

use std::collections::BTreeMap;

use engine_ports::{Commit, NewRun, Projection, RunFilter, RunRow, StoreError};
use serde_json::json;
use vocab::{Compensation, Digest, ProjectId, RunStatus, TenantName, Value};

use crate::Stores;
use crate::sample::{Sample, advance, at, effect, grant, memo, name, step};

fn tenant() -> TenantName {
    TenantName::default_tenant()
}

/// All that the store says about a run.
pub(crate) async fn everything(stores: &Stores, row: &RunRow) -> String {
    let runs = &stores.runs;
    format!(
        "{:#?}{:#?}{:#?}{:#?}{:#?}{:#?}",
        runs.run_any_tenant(row.id).await.unwrap(),
        runs.events(row.id, 0, 1000).await.unwrap(),
        runs.steps(row.id).await.unwrap(),
        runs.effects(row.id).await.unwrap(),
        runs.leases().await.unwrap(),
        runs.memo(&memo(&row.tenant, "main", row.id, "").key).await.unwrap(),
    )
}

/// A commit with something of every kind.
fn full(row: &RunRow, sample: &Sample) -> Commit {
    let mut commit = advance(row, &["attempt_started", "effect_intended"]);
    commit.run.status = RunStatus::Unwinding;
    commit.run.compensation = Compensation::Unwinding;
    commit.run.outputs = BTreeMap::from([("image".to_owned(), Value::from("x"))]);
    commit.run.error = Some("`push` failed".to_owned());
    commit.steps = vec![step(row.id, "build[2]/inner")];
    commit.effects = vec![effect(row.id, "build[2]/inner", "tag", 1)];
    commit.leases = vec![grant(row.id, "build[2]/inner", sample.worker(), commit.run.seq)];
    commit.memos = vec![memo(&row.tenant, "main", row.id, "first")];
    commit
}

pub(crate) async fn a_run_reads_back_whole(stores: &Stores) {
    let sample = Sample::default();
    let new = sample.new_run(&tenant());
    assert_eq!(stores.runs.create(new.clone()).await.unwrap(), new.commit.run.id);
    let commit = full(&new.commit.run, &sample);
    stores.runs.commit(commit.clone()).await.unwrap();
    let id = commit.run.id;
    assert_eq!(stores.runs.run(&tenant(), id).await.unwrap(), Some(commit.run.clone()));
    let events = [new.commit.events, commit.events].concat();
    assert_eq!(stores.runs.events(id, 0, 100).await.unwrap(), events);
    assert_eq!(stores.runs.steps(id).await.unwrap(), commit.steps);
    assert_eq!(stores.runs.effects(id).await.unwrap(), commit.effects);
    let leases = stores.runs.leases().await.unwrap();
    assert_eq!(leases.into_iter().map(engine_ports::LeaseChange::Grant).collect::<Vec<_>>(), commit.leases);
    assert_eq!(stores.runs.memo(&commit.memos[0].key).await.unwrap().as_ref(), commit.memos.first());
    let mut end = advance(&commit.run, &["run_finished"]);
    end.run.status = RunStatus::Failed;
    end.run.finished_at = Some(at(99));
    stores.runs.commit(end.clone()).await.unwrap();
    assert_eq!(stores.runs.run_any_tenant(id).await.unwrap(), Some(end.run));
}

pub(crate) async fn numbers_come_back_to_the_last_bit(stores: &Stores) {
    let mut new = Sample::default().new_run(&tenant());
    let numbers: Vec<_> = (1..=500).map(|n| 1000.0 / f64::from(n) + f64::EPSILON).collect();
    let inputs = [Value::Integer(i64::MIN), Value::Integer(i64::MAX), Value::Number(f64::MIN_POSITIVE)];
    let values = numbers.into_iter().map(Value::Number).chain(inputs).collect();
    new.commit.run.inputs = BTreeMap::from([("numbers".to_owned(), Value::List(values))]);
    stores.runs.create(new.clone()).await.unwrap();
    assert_eq!(stores.runs.run_any_tenant(new.commit.run.id).await.unwrap(), Some(new.commit.run));
}

pub(crate) async fn a_commit_at_the_wrong_event_writes_nothing(stores: &Stores) {
    let sample = Sample::default();
    let new = sample.new_run(&tenant());
    stores.runs.create(new.clone()).await.unwrap();
    let before = everything(stores, &new.commit.run).await;
    for seq in [0, 2, 7] {
        let elsewhere = RunRow { seq, ..new.commit.run.clone() };
        let error = stores.runs.commit(full(&elsewhere, &sample)).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
        assert!(error.to_string().contains(&format!("expected event {seq}, found event 1")), "{error}");
    }
    assert_eq!(everything(stores, &new.commit.run).await, before);
}

pub(crate) async fn a_commit_that_contradicts_itself_is_refused(stores: &Stores) {
    type Spoil = fn(&mut Commit, &Sample);
    let sample = Sample::default();
    let new = sample.new_run(&tenant());
    stores.runs.create(new.clone()).await.unwrap();
    let before = everything(stores, &new.commit.run).await;
    let spoils: [Spoil; 7] = [
        |commit, _| commit.run.seq += 1,
        |commit, _| commit.events[1].seq += 1,
        |commit, _| drop(commit.events.remove(0)),
        |commit, sample| commit.steps[0].run = sample.new_run(&tenant()).commit.run.id,
        |commit, sample| commit.effects[0].key.run = sample.new_run(&tenant()).commit.run.id,
        |commit, sample| commit.memos[0].run = sample.new_run(&tenant()).commit.run.id,
        |commit, _| commit.memos[0].key.tenant = name("other"),
    ];
    for (number, spoil) in spoils.into_iter().enumerate() {
        let mut commit = full(&new.commit.run, &sample);
        spoil(&mut commit, &sample);
        let error = stores.runs.commit(commit).await.unwrap_err();
        assert!(matches!(error, StoreError::Malformed { .. }), "{number}: {error}");
    }
    assert_eq!(everything(stores, &new.commit.run).await, before);
    let mut late = sample.new_run(&tenant());
    late.commit = advance(&late.commit.run, &["run_created"]);
    assert!(matches!(stores.runs.create(late).await, Err(StoreError::Malformed { .. })));
}

pub(crate) async fn a_commit_for_a_run_that_is_not_there_is_refused(stores: &Stores) {
    let row = Sample::default().new_run(&tenant()).commit.run;
    let error = stores.runs.commit(advance(&row, &["run_started"])).await.unwrap_err();
    assert!(matches!(error, StoreError::Missing(_)), "{error}");
    assert_eq!(stores.runs.events(row.id, 0, 10).await.unwrap(), []);
}

pub(crate) async fn a_commit_in_the_name_of_another_tenant_is_refused(stores: &Stores) {
    let new = Sample::default().new_run(&tenant());
    stores.runs.create(new.clone()).await.unwrap();
    let row = RunRow { tenant: name("other"), ..new.commit.run };
    let error = stores.runs.commit(advance(&row, &["run_started"])).await.unwrap_err();
    assert!(matches!(error, StoreError::Missing(_)), "{error}");
}

pub(crate) async fn of_two_commits_at_the_same_event_one_wins(stores: &Stores) {
    let new = Sample::default().new_run(&tenant());
    stores.runs.create(new.clone()).await.unwrap();
    let row = &new.commit.run;
    let (one, two) = tokio::join!(
        stores.runs.commit(advance(row, &["one"])),
        stores.runs.commit(advance(row, &["two", "more"]))
    );
    assert_ne!(one.is_ok(), two.is_ok());
    let kinds: Vec<_> =
        stores.runs.events(row.id, 1, 10).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, if one.is_ok() { vec!["one"] } else { vec!["two", "more"] });
}

pub(crate) async fn an_id_is_given_once(stores: &Stores) {
    let new = Sample::default().new_run(&tenant());
    stores.runs.create(new.clone()).await.unwrap();
    let error = stores.runs.create(new).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
}

fn asked_by(mut new: NewRun, delivery: &str, file: &str) -> NewRun {
    new.origin = Some((delivery.to_owned(), file.to_owned()));
    new
}

/// Another run of the same project.
fn again(sample: &Sample, like: &NewRun) -> NewRun {
    let mut new = sample.new_run(&like.commit.run.tenant);
    new.commit.run.project = like.commit.run.project;
    new.origin.clone_from(&like.origin);
    new
}

pub(crate) async fn the_same_origin_starts_one_run(stores: &Stores) {
    let sample = Sample::default();
    let first = asked_by(sample.new_run(&tenant()), "delivery", "a.yaml");
    let second = again(&sample, &first);
    let other_file = asked_by(again(&sample, &first), "delivery", "b.yaml");
    let id = stores.runs.create(first.clone()).await.unwrap();
    assert_eq!(stores.runs.create(second.clone()).await.unwrap(), id);
    assert_eq!(stores.runs.run_any_tenant(second.commit.run.id).await.unwrap(), None);
    assert_eq!(stores.runs.events(second.commit.run.id, 0, 9).await.unwrap(), []);
    assert_eq!(stores.runs.create(other_file.clone()).await.unwrap(), other_file.commit.run.id);
}

pub(crate) async fn racing_deliveries_start_one_run(stores: &Stores) {
    let sample = Sample::default();
    let first = asked_by(sample.new_run(&tenant()), "delivery", "a.yaml");
    let (a, b, c) = tokio::join!(
        stores.runs.create(again(&sample, &first)),
        stores.runs.create(again(&sample, &first)),
        stores.runs.create(again(&sample, &first)),
    );
    let ids = [a.unwrap(), b.unwrap(), c.unwrap()];
    assert_eq!(ids, [ids[0]; 3]);
    assert_eq!(stores.runs.unfinished().await.unwrap(), [ids[0]]);
}

pub(crate) async fn an_origin_belongs_to_its_project_and_tenant(stores: &Stores) {
    let sample = Sample::default();
    let mine = asked_by(sample.new_run(&tenant()), "delivery", "a.yaml");
    let other_project = asked_by(sample.new_run(&tenant()), "delivery", "a.yaml");
    let mut other_tenant = asked_by(sample.new_run(&name("other")), "delivery", "a.yaml");
    other_tenant.commit.run.project = mine.commit.run.project;
    for new in [mine, other_project, other_tenant] {
        assert_eq!(stores.runs.create(new.clone()).await.unwrap(), new.commit.run.id);
    }
}

pub(crate) async fn who_a_run_is_never_changes(stores: &Stores) {
    let sample = Sample::default();
    let new = sample.new_run(&tenant());
    stores.runs.create(new.clone()).await.unwrap();
    let mut commit = advance(&new.commit.run, &["run_started"]);
    commit.run = RunRow {
        workflow: "another".to_owned(),
        project: None,
        trigger: json!(null),
        inputs: BTreeMap::new(),
        plan: Digest::of("another"),
        created_at: at(-1),
        ..commit.run
    };
    let seq = commit.run.seq;
    stores.runs.commit(commit).await.unwrap();
    let row = stores.runs.run_any_tenant(new.commit.run.id).await.unwrap();
    assert_eq!(row, Some(RunRow { seq, ..new.commit.run }));
}

pub(crate) async fn runs_share_a_plan(stores: &Stores) {
    let sample = Sample::default();
    for owner in [tenant(), tenant(), name("other")] {
        stores.runs.create(sample.new_run(&owner)).await.unwrap();
    }
    let plan = stores.runs.plan(&Digest::of("plan")).await.unwrap();
    assert_eq!(plan, json!({ "steps": ["source"] }));
    let error = stores.runs.plan(&Digest::of("no plan")).await.unwrap_err();
    assert!(matches!(error, StoreError::Missing(_)), "{error}");
}

pub(crate) async fn another_tenant_sees_no_run(stores: &Stores) {
    let new = Sample::default().new_run(&tenant());
    let id = stores.runs.create(new).await.unwrap();
    assert_eq!(stores.runs.run(&name("other"), id).await.unwrap(), None);
    assert!(stores.runs.run_any_tenant(id).await.unwrap().is_some());
    let page = stores.runs.runs(&name("other"), RunFilter::default(), 10).await.unwrap();
    assert!(page.items.is_empty() && !page.more);
}

pub(crate) async fn pages_walk_every_run_once(stores: &Stores) {
    let sample = Sample::default();
    let mut expected = Vec::new();
    for count in 0..7 {
        let id = stores.runs.create(sample.new_run(&tenant())).await.unwrap();
        expected.insert(0, id);
        if count % 2 == 0 {
            stores.runs.create(sample.new_run(&name("other"))).await.unwrap();
        }
    }
    let (mut seen, mut filter) = (Vec::new(), RunFilter::default());
    loop {
        let page = stores.runs.runs(&tenant(), filter.clone(), 3).await.unwrap();
        assert!(page.items.len() == 3 || !page.more);
        seen.extend(page.items.iter().map(|row| row.id));
        if !page.more {
            break;
        }
        filter.before = seen.last().copied();
    }
    assert_eq!(seen, expected);
    let exact = stores.runs.runs(&tenant(), RunFilter::default(), 7).await.unwrap();
    assert!(!exact.more && exact.items.len() == 7);
}

pub(crate) async fn filters_keep_what_they_name(stores: &Stores) {
    let sample = Sample::default();
    let project = ProjectId::generate(sample.ids());
    let mut ids = Vec::new();
    for (mine, status) in [
        (true, RunStatus::Queued),
        (true, RunStatus::Succeeded),
        (false, RunStatus::Succeeded),
        (false, RunStatus::Queued),
    ] {
        let mut new = sample.new_run(&tenant());
        new.commit.run.status = status;
        if mine {
            new.commit.run.project = Some(project);
        }
        ids.push(stores.runs.create(new).await.unwrap());
    }
    let (project, status) = (Some(project), Some(RunStatus::Succeeded));
    for (filter, expected) in [
        (RunFilter::default(), vec![3, 2, 1, 0]),
        (RunFilter { project, ..RunFilter::default() }, vec![1, 0]),
        (RunFilter { status, ..RunFilter::default() }, vec![2, 1]),
        (RunFilter { project, status, before: None }, vec![1]),
        (RunFilter { project, before: Some(ids[1]), status: None }, vec![0]),
        (RunFilter { status, before: Some(ids[2]), project: None }, vec![1]),
        (RunFilter { project, status, before: Some(ids[1]) }, vec![]),
    ] {
        let page = stores.runs.runs(&tenant(), filter.clone(), 10).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|row| row.id).collect();
        let expected: Vec<_> = expected.into_iter().map(|index| ids[index]).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

pub(crate) async fn unfinished_runs_come_oldest_first(stores: &Stores) {
    let sample = Sample::default();
    let mut rows = Vec::new();
    for owner in [tenant(), name("other"), tenant()] {
        let new = sample.new_run(&owner);
        stores.runs.create(new.clone()).await.unwrap();
        rows.push(new.commit.run);
    }
    let mut end = advance(&rows[1], &["run_finished"]);
    end.run.status = RunStatus::Succeeded;
    end.run.finished_at = Some(at(9));
    stores.runs.commit(end).await.unwrap();
    assert_eq!(stores.runs.unfinished().await.unwrap(), [rows[0].id, rows[2].id]);
}

pub(crate) async fn events_come_in_order_and_in_parts(stores: &Stores) {
    let sample = Sample::default();
    let new = sample.new_run(&tenant());
    stores.runs.create(new.clone()).await.unwrap();
    stores.runs.create(sample.new_run(&tenant())).await.unwrap();
    let commit = advance(&new.commit.run, &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]);
    stores.runs.commit(commit).await.unwrap();
    let id = new.commit.run.id;
    let seqs = async |after, limit| -> Vec<u64> {
        let events = stores.runs.events(id, after, limit).await.unwrap();
        events.into_iter().map(|event| event.seq).collect()
    };
    assert_eq!(seqs(0, 4).await, [1, 2, 3, 4]);
    assert_eq!(seqs(4, 100).await, (5..=12).collect::<Vec<_>>());
    assert!(seqs(12, 100).await.is_empty() && seqs(99, 100).await.is_empty());
    let nobody = sample.new_run(&tenant()).commit.run.id;
    assert_eq!(stores.runs.events(nobody, 0, 1).await.unwrap(), []);
}

pub(crate) async fn rows_are_put_in_the_place_of_others(stores: &Stores) {
    let sample = Sample::default();
    let tenant = TenantName::default_tenant();
    let new = sample.new_run(&tenant);
    let run = stores.runs.create(new.clone()).await.unwrap();
    let mut commit = advance(&new.commit.run, &["one"]);
    commit.steps = vec![step(run, "a"), step(run, "b")];
    stores.runs.commit(commit.clone()).await.unwrap();
    let mut row = commit.run.clone();
    (row.workflow, row.status, row.seq) = ("another".to_owned(), RunStatus::Running, 1);
    let projection = Projection { run: row.clone(), steps: vec![step(run, "c")], effects: Vec::new() };
    let stranger = RunRow { tenant: "other".parse().unwrap(), ..row.clone() };
    let refused = stores.runs.reproject(Projection { run: stranger, ..projection.clone() }).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))));
    stores.runs.reproject(projection.clone()).await.unwrap();
    assert_eq!(stores.runs.run_any_tenant(run).await.unwrap(), Some(row));
    assert_eq!(stores.runs.steps(run).await.unwrap(), projection.steps);
    assert_eq!(stores.runs.effects(run).await.unwrap(), []);
    assert_eq!(stores.runs.events(run, 0, 10).await.unwrap().len(), 2, "events stay");
}

pub(crate) async fn every_run_is_listed_by_id(stores: &Stores) {
    let sample = Sample::default();
    let mut runs = Vec::new();
    for tenant in ["default", "other", "default"] {
        runs.push(stores.runs.create(sample.new_run(&tenant.parse().unwrap())).await.unwrap());
    }
    assert_eq!(stores.runs.run_ids(None, 2).await.unwrap(), runs[..2]);
    assert_eq!(stores.runs.run_ids(Some(runs[1]), 2).await.unwrap(), runs[2..]);
    assert_eq!(stores.runs.run_ids(Some(runs[2]), 2).await.unwrap(), []);
}
