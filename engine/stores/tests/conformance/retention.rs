//! Claims about the removal of what is old.

use engine_ports::{
    Delivery, DeliveryOutcome, FinishedFilter, FinishedRun, NewDelivery, NewRun, RunFilter, StoreError,
};
use serde_json::json;
use vocab::{Digest, EffectState, RunId, RunStatus, TenantName};

use crate::Stores;
use crate::sample::{Sample, at, effect, grant, log, memo, name, path, step};

fn tenant() -> TenantName {
    TenantName::default_tenant()
}

const ALL: FinishedFilter = FinishedFilter { before: at(1_000_000), after: None, count: 10 };

/// A run that ended, with a row of every kind.
fn ended(sample: &Sample, millis: i64) -> NewRun {
    let mut new = sample.new_run(&tenant());
    let run = new.commit.run.id;
    new.commit.run.project = None;
    new.commit.run.status = RunStatus::Succeeded;
    new.commit.run.finished_at = Some(at(millis));
    new.commit.steps = vec![step(run, "build")];
    new.commit.effects = vec![effect(run, "build", "tag", 1)];
    new.commit.effects[0].state = EffectState::Released;
    new.commit.leases = vec![grant(run, "build", sample.worker(), 1)];
    new.commit.memos = vec![memo(&tenant(), "main", run, "first")];
    new.origin = Some((format!("{run}"), "a.yaml".to_owned()));
    new
}

async fn create(stores: &Stores, new: NewRun) -> RunId {
    let run = stores.runs.create(new.clone()).await.unwrap();
    stores.runs.keep_log(log(&new.commit.run.tenant, run, "build", 1)).await.unwrap();
    run
}

async fn finished(stores: &Stores, filter: FinishedFilter, limit: u32) -> Vec<RunId> {
    let found = stores.runs.finished(filter, limit).await.unwrap();
    found.into_iter().map(|run| run.id).collect()
}

pub(crate) async fn a_removed_run_leaves_nothing(stores: &Stores) {
    let sample = Sample::default();
    let (first, second) = (ended(&sample, 1), ended(&sample, 2));
    let (gone, stays) = (create(stores, first.clone()).await, create(stores, second.clone()).await);
    assert!(stores.runs.remove(gone).await.unwrap());
    let runs = &stores.runs;
    assert_eq!(runs.run_any_tenant(gone).await.unwrap(), None);
    assert_eq!(runs.run(&tenant(), gone).await.unwrap(), None);
    assert_eq!(runs.events(gone, 0, 10).await.unwrap(), []);
    assert_eq!(runs.steps(gone).await.unwrap(), []);
    assert_eq!(runs.effects(gone).await.unwrap(), []);
    assert_eq!(runs.logs(gone, &path("build")).await.unwrap(), []);
    let listed = runs.runs(&tenant(), RunFilter::default(), 10).await.unwrap();
    assert_eq!(listed.items.iter().map(|row| row.id).collect::<Vec<_>>(), [stays]);
    assert!(!runs.remove(gone).await.unwrap(), "it is gone already");
    // What belongs to the other one is whole, the plan that both followed included.
    assert_eq!(runs.events(stays, 0, 10).await.unwrap().len(), 1);
    assert_eq!(runs.steps(stays).await.unwrap().len(), 1);
    assert_eq!(runs.effects(stays).await.unwrap().len(), 1);
    assert_eq!(runs.logs(stays, &path("build")).await.unwrap().len(), 1);
    assert_eq!(runs.leases().await.unwrap().len(), 1);
    runs.plan(&Digest::of("plan")).await.unwrap();
    // Cached outputs outlive the run that computed them.
    assert!(runs.memo(&first.commit.memos[0].key).await.unwrap().is_some());
    // The delivery that started it may start another.
    let again = NewRun { origin: first.origin, ..ended(&sample, 3) };
    assert_eq!(runs.create(again.clone()).await.unwrap(), again.commit.run.id);
}

pub(crate) async fn a_plan_goes_with_its_last_run(stores: &Stores) {
    let sample = Sample::default();
    let (one, two) = (create(stores, ended(&sample, 1)).await, create(stores, ended(&sample, 2)).await);
    for run in [one, two] {
        stores.runs.plan(&Digest::of("plan")).await.unwrap();
        assert!(stores.runs.remove(run).await.unwrap());
    }
    let error = stores.runs.plan(&Digest::of("plan")).await.unwrap_err();
    assert!(matches!(error, StoreError::Missing(_)), "{error}");
    create(stores, ended(&sample, 3)).await;
    stores.runs.plan(&Digest::of("plan")).await.unwrap();
}

pub(crate) async fn an_unfinished_run_is_never_removed(stores: &Stores) {
    let sample = Sample::default();
    for status in RunStatus::ALL.iter().copied().filter(|status| !status.is_terminal()) {
        let mut new = ended(&sample, 1);
        new.commit.run.status = status;
        let run = create(stores, new).await;
        assert!(!stores.runs.remove(run).await.unwrap(), "{status}");
        assert_eq!(stores.runs.events(run, 0, 10).await.unwrap().len(), 1);
    }
    assert_eq!(finished(stores, ALL, 10).await, []);
}

pub(crate) async fn a_run_with_open_effects_is_never_removed(stores: &Stores) {
    let sample = Sample::default();
    for state in EffectState::ALL.iter().copied() {
        let mut new = ended(&sample, 1);
        let mut other = effect(new.commit.run.id, "push", "tag", 2);
        other.state = state;
        new.commit.effects.push(other);
        let run = create(stores, new).await;
        let found = stores.runs.finished(ALL, 100).await.unwrap();
        let found = found.iter().find(|found| found.id == run).unwrap();
        assert_eq!(found.open_effects, !state.is_over(), "{state}");
        assert_eq!(stores.runs.remove(run).await.unwrap(), state.is_over(), "{state}");
        assert_eq!(stores.runs.effects(run).await.unwrap().len(), if state.is_over() { 0 } else { 2 });
    }
}

pub(crate) async fn finished_runs_come_by_their_end_and_in_parts(stores: &Stores) {
    let sample = Sample::default();
    let mut runs = Vec::new();
    for millis in [30, 10, 20, 10, 40] {
        runs.push(create(stores, ended(&sample, millis)).await);
    }
    let order = [runs[1], runs[3], runs[2], runs[0], runs[4]];
    assert_eq!(finished(stores, ALL, 10).await, order);
    assert_eq!(finished(stores, ALL, 2).await, order[..2]);
    let after = |millis, run| FinishedFilter { after: Some((at(millis), run)), ..ALL };
    assert_eq!(finished(stores, after(10, runs[1]), 10).await, order[1..]);
    assert_eq!(finished(stores, after(10, runs[3]), 10).await, order[2..]);
    // A cursor that went meanwhile is a cursor all the same.
    assert!(stores.runs.remove(runs[3]).await.unwrap());
    assert_eq!(finished(stores, after(10, runs[3]), 1).await, order[2..3]);
    assert_eq!(finished(stores, FinishedFilter { before: at(30), ..ALL }, 10).await, [runs[1], runs[2]]);
}

pub(crate) async fn newer_runs_are_those_of_the_same_workflow_and_project(stores: &Stores) {
    let sample = Sample::default();
    let project = sample.new_run(&tenant()).commit.run.project;
    let old = ended(&sample, 1);
    let mut old_of_project = ended(&sample, 2);
    old_of_project.commit.run.project = project;
    let (old, old_of_project) = (create(stores, old).await, create(stores, old_of_project).await);
    let mut strangers = vec![ended(&sample, 9), ended(&sample, 9), sample.new_run(&name("other"))];
    "another".clone_into(&mut strangers[0].commit.run.workflow);
    strangers[1].commit.run.project = sample.new_run(&tenant()).commit.run.project;
    strangers[2].commit.run.project = None;
    for stranger in strangers {
        create(stores, stranger).await;
    }
    let counted = async |count| -> Vec<FinishedRun> {
        stores.runs.finished(FinishedFilter { before: at(5), count, ..ALL }, 10).await.unwrap()
    };
    assert_eq!(counted(10).await.iter().map(|run| run.newer).collect::<Vec<_>>(), [0, 0]);
    for number in 0..3 {
        // One that goes on counts as well.
        let mut new = ended(&sample, 9);
        if number == 1 {
            new = sample.new_run(&tenant());
            new.commit.run.project = None;
        }
        create(stores, new).await;
    }
    let mut new = ended(&sample, 9);
    new.commit.run.project = project;
    create(stores, new).await;
    let found = counted(10).await;
    let [one, two] = &found[..] else { panic!("{found:?}") };
    assert_eq!((one.id, one.newer, one.project), (old, 3, None));
    assert_eq!((two.id, two.newer, two.project), (old_of_project, 1, project));
    assert_eq!(
        (two.tenant.clone(), two.workflow.as_str(), two.finished_at),
        (tenant(), "golden-debian", at(2))
    );
    assert_eq!(counted(2).await[0].newer, 2, "no further than was asked for");
    assert_eq!(counted(0).await[0].newer, 0);
}

pub(crate) async fn only_concluded_deliveries_are_forgotten(stores: &Stores) {
    let project = sample_project(stores).await;
    let new = |id: &str, millis| NewDelivery {
        project,
        delivery: id.to_owned(),
        event: "push".to_owned(),
        payload: json!({}),
        at: at(millis),
    };
    for (id, millis, done) in
        [("a", 1, true), ("b", 2, false), ("c", 3, true), ("d", 4, true), ("e", 9, true)]
    {
        assert_eq!(stores.projects.accept(new(id, millis)).await.unwrap(), Delivery::New);
        if done {
            let outcome = DeliveryOutcome::Done { answer: json!({}), status: 202 };
            stores.projects.conclude(project, id, outcome).await.unwrap();
        }
    }
    assert_eq!(stores.projects.forget_deliveries(at(9), 2).await.unwrap(), 2);
    let left = async || -> Vec<&str> {
        let mut left = Vec::new();
        for id in ["a", "b", "c", "d", "e"] {
            if stores.projects.delivery(project, id).await.unwrap().is_some() {
                left.push(id);
            }
        }
        left
    };
    assert_eq!(left().await, ["b", "d", "e"], "oldest first, and never one that is pending");
    assert_eq!(stores.projects.forget_deliveries(at(9), 2).await.unwrap(), 1);
    assert_eq!(stores.projects.forget_deliveries(at(9), 2).await.unwrap(), 0);
    assert_eq!(left().await, ["b", "e"]);
    assert_eq!(stores.projects.accept(new("a", 20)).await.unwrap(), Delivery::New);
}

async fn sample_project(stores: &Stores) -> vocab::ProjectId {
    let project = Sample::default().project(&tenant(), "one");
    stores.projects.add(project.clone()).await.unwrap();
    project.id
}
