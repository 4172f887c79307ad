//! Claims about runs that share room: all that count are found, and nothing else.

use engine_ports::{NewRun, RunRow, UnderWay};
use vocab::{Compensation, OnNew, RunGroup, RunId, RunStatus, TenantName};

use crate::Stores;
use crate::sample::{Sample, advance, name};

fn tenant() -> TenantName {
    TenantName::default_tenant()
}

fn group() -> RunGroup {
    RunGroup { name: "golden-\"trixie\"".to_owned(), limit: 3, on_new: OnNew::CancelRunning }
}

/// A run that is as `change` makes it.
async fn created(stores: &Stores, sample: &Sample, change: impl FnOnce(&mut RunRow)) -> RunRow {
    let mut new = sample.new_run(&tenant());
    change(&mut new.commit.run);
    let row = new.commit.run.clone();
    stores.runs.create(new).await.unwrap();
    row
}

async fn moved(stores: &Stores, row: &RunRow, status: RunStatus, compensation: Compensation) -> RunRow {
    let mut commit = advance(row, &["moved"]);
    (commit.run.status, commit.run.compensation) = (status, compensation);
    let row = commit.run.clone();
    stores.runs.commit(commit).await.unwrap();
    row
}

async fn under_way(stores: &Stores) -> Vec<(RunId, RunStatus)> {
    let runs = stores.runs.under_way(&tenant()).await.unwrap();
    runs.into_iter().map(|run| (run.run, run.status)).collect()
}

pub(crate) async fn a_run_keeps_its_group_and_its_parent(stores: &Stores) {
    let sample = Sample::default();
    let above = created(stores, &sample, |_| {}).await;
    let row = created(stores, &sample, |row| {
        row.group = Some(group());
        row.parent = Some(above.id);
    })
    .await;
    let read = stores.runs.run(&tenant(), row.id).await.unwrap().unwrap();
    assert_eq!((read.group, read.parent), (Some(group()), Some(above.id)));
    moved(stores, &row, RunStatus::Running, Compensation::NotNeeded).await;
    let read = stores.runs.run(&tenant(), row.id).await.unwrap().unwrap();
    assert_eq!((read.group, read.parent), (Some(group()), Some(above.id)), "whatever happens in it");
}

pub(crate) async fn runs_that_share_room_are_found_oldest_first(stores: &Stores) {
    let sample = Sample::default();
    let first = created(stores, &sample, |row| row.group = Some(group())).await;
    let second = created(stores, &sample, |row| row.project = None).await;
    // A run that a step started counts as a part of the one that waits for it.
    created(stores, &sample, |row| row.parent = Some(first.id)).await;
    let mut other = sample.new_run(&name("other"));
    other.commit.run.group = Some(group());
    stores.runs.create(other).await.unwrap();
    let found = stores.runs.under_way(&tenant()).await.unwrap();
    let whole = UnderWay {
        run: first.id,
        project: first.project,
        workflow: first.workflow.clone(),
        group: Some(group()),
        status: RunStatus::Queued,
    };
    assert_eq!(found[0], whole);
    assert_eq!((found[1].run, found[1].project, &found[1].group, found.len()), (second.id, None, &None, 2));
}

pub(crate) async fn a_run_shares_room_until_nothing_is_left_to_do_in_it(stores: &Stores) {
    let sample = Sample::default();
    let row = created(stores, &sample, |_| {}).await;
    assert_eq!(stores.runs.queueing().await.unwrap(), [tenant()]);
    let row = moved(stores, &row, RunStatus::Running, Compensation::NotNeeded).await;
    assert_eq!(under_way(stores).await, [(row.id, RunStatus::Running)]);
    assert_eq!(stores.runs.queueing().await.unwrap(), []);
    let row = moved(stores, &row, RunStatus::Failed, Compensation::Stuck).await;
    assert_eq!(under_way(stores).await, []);
    let row = moved(stores, &row, RunStatus::Failed, Compensation::Unwinding).await;
    assert_eq!(under_way(stores).await, [(row.id, RunStatus::Failed)], "what is stuck is undone once more");
}

pub(crate) async fn tenants_of_which_a_run_waits_are_named_once(stores: &Stores) {
    let sample = Sample::default();
    for of in ["b", "a", "b"] {
        stores.runs.create(sample.new_run(&name(of))).await.unwrap();
    }
    let tenants: Vec<_> =
        stores.runs.queueing().await.unwrap().iter().map(|tenant| tenant.as_str().to_owned()).collect();
    assert_eq!(tenants, ["a", "b"]);
}

pub(crate) async fn the_run_of_a_delivery_is_found_before_another_is_made(stores: &Stores) {
    let sample = Sample::default();
    let origin = ("push-1".to_owned(), "a.yaml".to_owned());
    let new = NewRun { origin: Some(origin.clone()), ..sample.new_run(&tenant()) };
    let (run, project) = (new.commit.run.id, new.commit.run.project);
    assert_eq!(stores.runs.started_by(&tenant(), project, &origin).await.unwrap(), None);
    stores.runs.create(new).await.unwrap();
    assert_eq!(stores.runs.started_by(&tenant(), project, &origin).await.unwrap(), Some(run));
    assert_eq!(stores.runs.started_by(&tenant(), None, &origin).await.unwrap(), None, "another's delivery");
}
