//! Claims about leases: an attempt that lost its step can neither report nor go on.

use engine_ports::{LeaseChange, RunRow, StoreError};
use vocab::TenantName;

use crate::Stores;
use crate::runs::everything;
use crate::sample::{Sample, advance, at, give_up, grant, lease, memo, step};

async fn started(stores: &Stores, sample: &Sample) -> RunRow {
    let new = sample.new_run(&TenantName::default_tenant());
    stores.runs.create(new.clone()).await.unwrap();
    new.commit.run
}

async fn change(stores: &Stores, row: &RunRow, leases: Vec<LeaseChange>) -> Result<RunRow, StoreError> {
    let mut commit = advance(row, &["lease_changed"]);
    commit.leases = leases;
    let after = commit.run.clone();
    stores.runs.commit(commit).await.map(|()| after)
}

pub(crate) async fn a_lost_lease_refuses_the_whole_commit(stores: &Stores) {
    let sample = Sample::default();
    let (old, new) = (sample.worker(), sample.worker());
    let row = started(stores, &sample).await;
    let row = change(stores, &row, vec![grant(row.id, "build", old, 2)]).await.unwrap();
    let row = change(stores, &row, vec![give_up("build", 2), grant(row.id, "build", new, 3)]).await.unwrap();
    let before = everything(stores, &row).await;
    let mut report = advance(&row, &["attempt_succeeded"]);
    report.steps = vec![step(row.id, "build")];
    report.memos = vec![memo(&row.tenant, "main", row.id, "stale")];
    // The first change is sound; it must not survive the second.
    report.leases = vec![grant(row.id, "other", old, 4), give_up("build", 2)];
    let error = stores.runs.commit(report).await.unwrap_err();
    assert!(matches!(error, StoreError::Fenced(_)), "{error}");
    assert!(error.to_string().contains("`build`"), "{error}");
    assert_eq!(everything(stores, &row).await, before);
}

pub(crate) async fn a_later_grant_takes_the_step_over(stores: &Stores) {
    let sample = Sample::default();
    let (old, new) = (sample.worker(), sample.worker());
    let row = started(stores, &sample).await;
    let row = change(stores, &row, vec![grant(row.id, "build", old, 2)]).await.unwrap();
    let row = change(stores, &row, vec![grant(row.id, "build", new, 3)]).await.unwrap();
    let error = change(stores, &row, vec![grant(row.id, "build", old, 2)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Fenced(_)), "{error}");
    assert_eq!(stores.runs.leases().await.unwrap(), [lease(row.id, "build", new, 3)]);
}

pub(crate) async fn a_lease_that_was_given_up_cannot_be_renewed(stores: &Stores) {
    let sample = Sample::default();
    let worker = sample.worker();
    let row = started(stores, &sample).await;
    let row = change(stores, &row, vec![grant(row.id, "build", worker, 2)]).await.unwrap();
    let mut longer = lease(row.id, "build", worker, 2);
    longer.expires_at = at(120_000);
    let row = change(stores, &row, vec![LeaseChange::Grant(longer.clone())]).await.unwrap();
    assert_eq!(stores.runs.leases().await.unwrap(), [longer.clone()]);
    let row = change(stores, &row, vec![give_up("build", 2)]).await.unwrap();
    for late in [LeaseChange::Grant(longer), give_up("build", 2)] {
        let error = change(stores, &row, vec![late]).await.unwrap_err();
        assert!(matches!(error, StoreError::Fenced(_)), "{error}");
    }
    assert_eq!(stores.runs.leases().await.unwrap(), []);
}

pub(crate) async fn a_lease_moves_on_within_one_commit(stores: &Stores) {
    let sample = Sample::default();
    let worker = sample.worker();
    let row = started(stores, &sample).await;
    let changes = vec![grant(row.id, "build", worker, 2), give_up("build", 2)];
    let row = change(stores, &row, changes).await.unwrap();
    assert_eq!(stores.runs.leases().await.unwrap(), []);
    let changes = vec![give_up("build", 2), grant(row.id, "build", worker, 3)];
    assert!(matches!(change(stores, &row, changes).await, Err(StoreError::Fenced(_))));
}

pub(crate) async fn a_lease_that_came_and_went_within_one_commit_leaves_nothing(stores: &Stores) {
    let sample = Sample::default();
    let worker = sample.worker();
    let row = started(stores, &sample).await;
    let row = change(stores, &row, vec![grant(row.id, "scan", worker, 2)]).await.unwrap();
    // Only the last word about each step may be there: the grants before it are left out.
    change(stores, &row, vec![give_up("build", 3), give_up("scan", 3)]).await.unwrap();
    assert_eq!(stores.runs.leases().await.unwrap(), []);
}

pub(crate) async fn a_lease_names_an_event_that_exists(stores: &Stores) {
    let sample = Sample::default();
    let row = started(stores, &sample).await;
    for early in [grant(row.id, "build", sample.worker(), 3), give_up("build", 3)] {
        let error = change(stores, &row, vec![early]).await.unwrap_err();
        assert!(matches!(error, StoreError::Malformed { .. }), "{error}");
    }
}

pub(crate) async fn renewal_extends_the_workers_own_leases_only(stores: &Stores) {
    let sample = Sample::default();
    let (mine, other) = (sample.worker(), sample.worker());
    let row = started(stores, &sample).await;
    let changes = vec![
        grant(row.id, "fetch", mine, 2),
        grant(row.id, "build[2]", mine, 2),
        grant(row.id, "build[10]", mine, 2),
        grant(row.id, "scan", other, 2),
    ];
    change(stores, &row, changes).await.unwrap();
    let renewed = stores.runs.renew(mine, at(90_000)).await.unwrap();
    let paths: Vec<_> = renewed.iter().map(|(run, path, token)| (*run, path.to_string(), *token)).collect();
    let expected = ["build[2]", "build[10]", "fetch"].map(|path| (row.id, path.to_owned(), 2));
    assert_eq!(paths, expected);
    // One that comes late shortens nothing.
    stores.runs.renew(mine, at(70_000)).await.unwrap();
    for lease in stores.runs.leases().await.unwrap() {
        assert_eq!(lease.expires_at, at(if lease.worker == mine { 90_000 } else { 60_000 }));
    }
    assert_eq!(stores.runs.renew(sample.worker(), at(0)).await.unwrap(), []);
}
