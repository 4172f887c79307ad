//! What people decide about runs, through the whole engine and across starts.

use std::time::Duration;

use engine_ports::{RunRow, RunStore as _};
use engine_runtime::{AskError, Decided, Decision, DecisionRefused, Engine};
use vocab::{EffectState, Outputs, RunId, RunStatus, StepStatus};

use crate::world::{BOTH, On, World};

const ASKS: &str = "steps:
  a:
    uses: test/make@v1
  b:
    uses: test/plain@v1
    needs: [a]
    on_failure: pause
    with: { act: fail }
  c:
    uses: test/plain@v1
    with: { act: '${{ steps.b.outputs.word }}' }
outputs:
  word: ${{ steps.c.outputs.word }}
";

fn decided() -> Decided {
    Decided { by: "ada".to_owned(), reason: "a ticket says so".to_owned() }
}

/// Waits until the run has that status.
async fn reach(world: &World, run: RunId, status: RunStatus) -> RunRow {
    for _ in 0..3_000 {
        let row = world.store.run_any_tenant(run).await.unwrap().unwrap();
        if row.status == status {
            return row;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("run {run} is never {status}: {:?}", world.step_words(run).await)
}

async fn decide(engine: &Engine, row: &RunRow, decision: Decision) -> Result<(), AskError> {
    engine.decide(&row.tenant, row.id, decision, decided()).await
}

#[tokio::test]
async fn a_paused_run_survives_a_start_and_goes_on_with_what_a_person_supplied() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let run = world.submit(&engine, ASKS).await;
        let row = reach(&world, run, RunStatus::Paused).await;
        assert_eq!(world.step(run, "b").await.status, StepStatus::Paused);
        assert!(world.store.leases().await.unwrap().is_empty(), "a paused run holds no worker");
        engine.shutdown().await;
        let engine = world.start().await;
        let wrong = Outputs::from([("word".to_owned(), 7.into())]);
        let path = "b".parse().unwrap();
        let refused = decide(&engine, &row, Decision::BypassStep(path, wrong)).await.unwrap_err();
        assert!(matches!(refused, AskError::Refused(DecisionRefused::Outputs { .. })), "{refused}");
        let supplied = Outputs::from([("word".to_owned(), "by hand".into())]);
        decide(&engine, &row, Decision::BypassStep("b".parse().unwrap(), supplied)).await.unwrap();
        let row = world.end(&engine, run).await;
        assert_eq!((row.status, &row.outputs["word"]), (RunStatus::Succeeded, &"by hand".into()));
        assert_eq!(world.effects(run).await[0].state, EffectState::Released);
        let late = decide(&engine, &row, Decision::Pause).await.unwrap_err();
        assert_eq!(late.to_string(), "the run has ended");
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_step_that_is_given_up_takes_the_run_back() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let run = world.submit(&engine, ASKS).await;
    let row = reach(&world, run, RunStatus::Paused).await;
    decide(&engine, &row, Decision::RetryStep("b".parse().unwrap())).await.unwrap();
    while world.outside.count("ran b 2") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    reach(&world, run, RunStatus::Paused).await;
    decide(&engine, &row, Decision::GiveUpStep("b".parse().unwrap())).await.unwrap();
    let row = world.end(&engine, run).await;
    assert_eq!(row.status, RunStatus::Failed);
    assert_eq!(world.effects(run).await[0].state, EffectState::Undone);
    world.close(engine).await;
}

#[tokio::test]
async fn a_held_run_starts_nothing_until_it_may_go_on() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let steps = "steps:
  a:
    uses: test/plain@v1
    with: { act: sleep }
  b:
    uses: test/plain@v1
    needs: [a]
";
    let run = world.submit(&engine, steps).await;
    let row = world.store.run_any_tenant(run).await.unwrap().unwrap();
    decide(&engine, &row, Decision::Pause).await.unwrap();
    let paused = reach(&world, run, RunStatus::Paused).await;
    assert!(decide(&engine, &paused, Decision::Pause).await.is_err());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(world.outside.events(), ["ran a 1"]);
    engine.shutdown().await;
    let engine = world.start().await;
    decide(&engine, &row, Decision::Resume).await.unwrap();
    let row = world.end(&engine, run).await;
    assert_eq!(row.status, RunStatus::Succeeded);
    assert_eq!(world.outside.events(), ["ran a 1", "ran b 1"]);
    world.close(engine).await;
}
