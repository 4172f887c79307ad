//! Runs that steps start, and steps that wait: through the whole engine and across starts.

use std::time::Duration;

use engine_ports::{RunRow, RunStore as _};
use engine_runtime::{AskError, Engine, Submission, Vote};
use serde_json::json;
use vocab::{Compensation, EffectState, RunId, RunStatus, StepStatus};

use crate::world::{BOTH, On, World};

/// Makes a thing, then does as it is told.
fn inner(act: &str) -> String {
    format!(
        "steps:
  made:
    uses: test/make@v1
  then:
    uses: test/plain@v1
    needs: [made]
    with: {{ act: {act} }}
outputs:
  word: ${{{{ steps.then.outputs.word }}}}
"
    )
}

/// Calls `inner`, then does as it is told.
fn outer(act: &str) -> String {
    format!(
        "steps:
  call:
    uses: test/call@v1
    with: {{ workflow: inner }}
  after:
    uses: test/plain@v1
    needs: [call]
    with: {{ act: {act} }}
"
    )
}

fn submission(world: &World, before: &str, after: &str) -> Submission {
    let workflows = vec![world.workflow("inner", &inner(before))];
    Submission { workflows, ..world.submission(&outer(after)) }
}

/// The run that `call` of the run has started.
async fn child(world: &World, run: RunId) -> RunId {
    let effects = world.effects(run).await;
    let handle = effects.iter().find_map(|record| record.handle.clone()).unwrap();
    serde_json::from_value(handle["run"].clone()).unwrap()
}

async fn row(world: &World, run: RunId) -> RunRow {
    world.store.run_any_tenant(run).await.unwrap().unwrap()
}

/// Waits until the run has ended and what it made is settled so.
async fn settled(world: &World, run: RunId, compensation: Compensation) -> RunRow {
    for _ in 0..3_000 {
        let row = row(world, run).await;
        if row.status.is_terminal() && row.compensation == compensation {
            return row;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("run {run} is never {compensation}: {:?}", row(world, run).await)
}

#[tokio::test]
async fn what_a_called_run_made_stays_once_its_caller_has_succeeded() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let run = engine.submit(submission(&world, "ok", "ok")).await.unwrap();
        let ended = world.end(&engine, run).await;
        assert_eq!(ended.status, RunStatus::Succeeded, "{:?}", ended.error);
        let called = child(&world, run).await;
        assert_eq!(world.step(run, "call").await.outputs["run"], called.to_string().into());
        let called = settled(&world, called, Compensation::NotNeeded).await;
        assert_eq!((called.status, &called.outputs["word"]), (RunStatus::Succeeded, &"ok".into()));
        assert_eq!(called.trigger["parent"], json!({ "run": run, "step": "call" }));
        assert_eq!(world.effects(called.id).await[0].state, EffectState::Released);
        assert!(world.store.unfinished().await.unwrap().is_empty());
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_failure_of_the_caller_undoes_what_the_called_run_made() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let run = engine.submit(submission(&world, "ok", "fail")).await.unwrap();
        let ended = world.end(&engine, run).await;
        assert_eq!((ended.status, ended.compensation), (RunStatus::Failed, Compensation::Complete));
        let called = row(&world, child(&world, run).await).await;
        assert_eq!((called.status, called.compensation), (RunStatus::Succeeded, Compensation::Complete));
        assert!(!world.outside.has("made"));
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_failure_of_the_called_run_fails_its_step() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let run = engine.submit(submission(&world, "fail", "ok")).await.unwrap();
    let ended = world.end(&engine, run).await;
    assert_eq!((ended.status, ended.compensation), (RunStatus::Failed, Compensation::Complete));
    assert!(ended.error.unwrap().contains("it had to fail"));
    assert!(!world.outside.has("made"));
    world.close(engine).await;
}

#[tokio::test]
async fn a_cancel_reaches_the_called_run_and_waits_for_it() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let submission = submission(&world, "wait", "ok");
    let tenant = submission.tenant.clone();
    let run = engine.submit(submission).await.unwrap();
    world.sees("ran then 1").await;
    assert_eq!(world.step(run, "call").await.status, StepStatus::Waiting);
    engine.cancel(&tenant, run, "ada", None).await.unwrap();
    let ended = world.end(&engine, run).await;
    assert_eq!((ended.status, ended.compensation), (RunStatus::Cancelled, Compensation::Complete));
    let called = row(&world, child(&world, run).await).await;
    assert_eq!((called.status, called.compensation), (RunStatus::Cancelled, Compensation::Complete));
    assert!(!world.outside.has("made"));
    world.close(engine).await;
}

#[tokio::test]
async fn caller_and_called_go_on_after_a_start() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let run = engine.submit(submission(&world, "wait_once", "ok")).await.unwrap();
    world.sees("ran then 1").await;
    // As a crash does: nothing more is written.
    drop(engine);
    let engine = world.start().await;
    let ended = world.end(&engine, run).await;
    assert_eq!(ended.status, RunStatus::Succeeded, "{:?}", ended.error);
    let called = child(&world, run).await;
    settled(&world, called, Compensation::NotNeeded).await;
    assert_eq!(world.outside.count("made made"), 1);
    world.close(engine).await;
}

#[tokio::test]
async fn what_is_held_is_let_go_although_nobody_was_there_to_hear_it() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let run = engine.submit(submission(&world, "ok", "wait_once")).await.unwrap();
    world.sees("ran after 1").await;
    let called = child(&world, run).await;
    settled(&world, called, Compensation::Held).await;
    assert_eq!(world.effects(called).await[0].state, EffectState::Held);
    drop(engine);
    let engine = world.start().await;
    assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    settled(&world, called, Compensation::NotNeeded).await;
    world.close(engine).await;
}

async fn reach(world: &World, run: RunId, path: &str, status: StepStatus) {
    for _ in 0..3_000 {
        if world.step(run, path).await.status == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("step {path} is never {status}");
}

fn vote(by: &str, agrees: bool) -> Vote {
    let (step, reason) = ("gate".parse().unwrap(), "seen".to_owned());
    Vote { step, by: by.to_owned(), groups: vec![format!("user:{by}")], agrees, reason }
}

async fn waiting(world: &World, engine: &Engine, steps: &str, path: &str) -> RunRow {
    let run = world.submit(engine, steps).await;
    reach(world, run, path, StepStatus::Waiting).await;
    assert!(world.store.leases().await.unwrap().is_empty(), "who waits holds no worker");
    row(world, run).await
}

#[tokio::test]
async fn people_are_asked_across_a_start() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let steps = "steps:
  gate:
    uses: test/ask@v1
    with: { approvers: ['user:ada', 'user:bob'], quorum: 2 }
";
    let run = waiting(&world, &engine, steps, "gate").await;
    engine.vote(&run.tenant, run.id, vote("ada", true)).await.unwrap();
    engine.shutdown().await;
    let engine = world.start().await;
    let twice = engine.vote(&run.tenant, run.id, vote("ada", true)).await.unwrap_err();
    assert!(matches!(twice, AskError::NotAwaited(_)), "{twice}");
    assert!(engine.vote(&run.tenant, run.id, vote("eve", true)).await.is_err());
    engine.vote(&run.tenant, run.id, vote("bob", true)).await.unwrap();
    assert_eq!(world.end(&engine, run.id).await.status, RunStatus::Succeeded);
    world.close(engine).await;
}

#[tokio::test]
async fn an_event_and_a_time_are_waited_for() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let steps = "steps:
  told:
    uses: test/event@v1
    with: { name: tested }
  later:
    uses: test/time@v1
    needs: [told]
    with: { for: 200ms }
";
    let run = waiting(&world, &engine, steps, "told").await;
    assert!(engine.signal(&run.tenant, run.id, "other", vocab::Value::Null, "ci").await.is_err());
    assert_eq!(engine.signal(&run.tenant, run.id, "tested", 7.into(), "ci").await.unwrap(), 1);
    assert_eq!(world.end(&engine, run.id).await.status, RunStatus::Succeeded);
    assert_eq!(world.step(run.id, "told").await.outputs["payload"], 7.into());
    world.close(engine).await;
}
