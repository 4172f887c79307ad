//! Claims about the rows of steps.

use vocab::{StepStatus, TenantName};

use crate::Stores;
use crate::sample::{Sample, advance, step};

pub(crate) async fn a_step_is_written_over(stores: &Stores) {
    let mut new = Sample::default().new_run(&TenantName::default_tenant());
    new.commit.steps = vec![step(new.commit.run.id, "build")];
    stores.runs.create(new.clone()).await.unwrap();
    let mut commit = advance(&new.commit.run, &["step_ready"]);
    let mut row = step(new.commit.run.id, "build");
    row.position = 9;
    "container/run@v1".clone_into(&mut row.action);
    row.status = StepStatus::Ready;
    row.attempts = 0;
    row.cached = false;
    row.outputs.clear();
    (row.error, row.ready_at, row.started_at, row.finished_at) = (None, None, None, None);
    commit.steps = vec![step(new.commit.run.id, "build"), row.clone()];
    stores.runs.commit(commit).await.unwrap();
    assert_eq!(stores.runs.steps(new.commit.run.id).await.unwrap(), [row]);
}

pub(crate) async fn steps_come_by_position_and_number(stores: &Stores) {
    let sample = Sample::default();
    let mut new = sample.new_run(&TenantName::default_tenant());
    let placed = |path: &str, position| {
        let mut row = step(new.commit.run.id, path);
        row.position = position;
        row
    };
    let steps = vec![placed("push", 2), placed("build[10]", 1), placed("build[2]", 1), placed("zero", 0)];
    new.commit.steps = steps;
    stores.runs.create(new.clone()).await.unwrap();
    stores.runs.create(sample.new_run(&TenantName::default_tenant())).await.unwrap();
    let rows = stores.runs.steps(new.commit.run.id).await.unwrap();
    let paths: Vec<_> = rows.iter().map(|row| row.path.to_string()).collect();
    assert_eq!(paths, ["zero", "build[2]", "build[10]", "push"]);
}
