//! A run that goes on from an earlier one takes over what stands, and does again what does not.

use engine_ports::{HoldOwner, RunFilter, RunRow, RunStore as _};
use engine_runtime::{Again, AskError, Engine, Standing, TakeOverRefused};
use serde_json::json;
use vocab::{Digest, RunId, RunStatus, StepStatus};

use crate::effects::MAKE_AND_FAIL;
use crate::faults::Fault;
use crate::world::{BOTH, On, World};

/// A pure step with an artifact, one that fails in the first run and not in the second, one after it.
const FLAKY: &str = "steps:
  a:
    uses: test/pure@v1
    cache: never
  b:
    uses: test/plain@v1
    needs: [a]
    with: { act: once }
  c:
    uses: test/plain@v1
    needs: [b]
";

async fn retry(engine: &Engine, old: &RunRow, again: &Again) -> Result<RunId, AskError> {
    engine.retry(&old.tenant, old.id, "somebody", Some(again), Standing::default()).await
}

fn from(step: &str) -> Again {
    Again::From(step.parse().unwrap())
}

#[tokio::test]
async fn a_step_that_succeeded_is_not_run_again_and_its_artifact_is_the_new_runs_too() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let old = world.run(&engine, FLAKY).await;
        assert_eq!(old.status, RunStatus::Failed);
        let run = retry(&engine, &old, &Again::Failed).await.unwrap();
        let new = world.end(&engine, run).await;
        assert_eq!(new.status, RunStatus::Succeeded, "{:?}", new.error);
        assert_eq!(world.outside.events(), ["ran a 1", "ran b 1", "ran b 1", "ran c 1"]);
        let (one, two) = (world.step(old.id, "a").await, world.step(run, "a").await);
        assert_eq!(one.outputs, two.outputs);
        assert_eq!((two.status, two.attempts, two.cached), (StepStatus::Succeeded, 0, true));
        let owners = world.artifacts.owners(&Digest::of("ok"));
        assert!(owners.contains(&HoldOwner::Run(old.id)) && owners.contains(&HoldOwner::Run(run)));
        let (retry_of, again) = (&new.trigger["retry_of"], &new.trigger["again"]);
        assert_eq!((retry_of, again), (&json!(old.id), &json!("failed")));
        let events = world.store.events(run, 0, 100).await.unwrap();
        assert_eq!(events[1].kind, "step_taken_over", "before anything starts");
        assert_eq!(events[1].payload["from"], json!({ "run": old.id, "path": "a" }));
        // A start reads it back as it was.
        engine.shutdown().await;
        let engine = world.start().await;
        let third = retry(&engine, &new, &from("c")).await.unwrap();
        assert_eq!(world.end(&engine, third).await.status, RunStatus::Succeeded);
        assert_eq!(world.outside.count("ran b 1"), 2);
        let events = world.store.events(third, 0, 100).await.unwrap();
        assert_eq!(events[1].payload["from"]["run"], json!(old.id), "the run that did the work");
        assert_eq!(events[2].payload["from"]["run"], json!(run));
        world.close(engine).await;
    }
}

#[tokio::test]
async fn what_was_undone_is_made_again() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let old = world.run(&engine, MAKE_AND_FAIL).await;
    let before = world.outside.events().len();
    let run = retry(&engine, &old, &from("c")).await.unwrap();
    world.end(&engine, run).await;
    let events = world.outside.events();
    let made = ["ran a 1", "made a", "ran b 1", "made b", "ran c 1", "unmade b", "unmade a"];
    assert_eq!(events[before..], made);
    world.close(engine).await;
}

#[tokio::test]
async fn what_stands_is_taken_over_and_outlives_the_new_run() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let steps = "steps:
  a:
    uses: test/make@v1
  b:
    uses: test/make@v1
    needs: [a]
    on_failure: continue
    with: { act: then_fail }
";
    let old = world.run(&engine, steps).await;
    assert_eq!((old.status, world.outside.things()), (RunStatus::Failed, vec!["a".to_owned()]));
    let run = retry(&engine, &old, &Again::Failed).await.unwrap();
    assert_eq!(world.end(&engine, run).await.status, RunStatus::Failed);
    assert_eq!(world.outside.count("made a"), 1);
    assert_eq!(world.outside.things(), ["a"], "the new run does not own it");
    assert!(world.effects(run).await.iter().all(|effect| effect.key.path.to_string() == "b"));
    world.close(engine).await;
}

#[tokio::test]
async fn a_step_whose_artifact_is_gone_runs_again() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let old = world.run(&engine, FLAKY).await;
    world.artifacts.lose_all();
    let run = retry(&engine, &old, &Again::Failed).await.unwrap();
    assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    assert_eq!(world.step(run, "a").await.attempts, 1);
    assert_eq!(world.outside.count("ran a 1"), 2);
    world.close(engine).await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_nothing_is_written() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let old = world.run(&engine, FLAKY).await;
    let refused = retry(&engine, &old, &from("aa")).await.unwrap_err();
    assert_eq!(refused.to_string(), "this run has no step `aa`; did you mean `a`?");
    let waits = "steps:\n  a:\n    uses: test/plain@v1\n    with: { act: wait }\n";
    let run = world.submit(&engine, waits).await;
    let row = world.store.run_any_tenant(run).await.unwrap().unwrap();
    let refused = retry(&engine, &row, &Again::Failed).await.unwrap_err();
    assert!(matches!(refused, AskError::TakeOver(TakeOverRefused::NotEnded(_))), "{refused:?}");
    engine.cancel(&row.tenant, run, "somebody", None).await.unwrap();
    world.end(&engine, run).await;
    let all = world.store.runs(&row.tenant, RunFilter::default(), 10).await.unwrap();
    assert_eq!(all.items.len(), 2);
    world.close(engine).await;
}

#[tokio::test]
async fn a_store_that_stumbles_over_the_first_commit_neither_loses_nor_doubles_anything() {
    for fault in [Fault::FailBefore, Fault::FailAfter] {
        let world = World::new(On::Sqlite).await;
        let engine = world.start().await;
        let old = world.run(&engine, FLAKY).await;
        // Logs of the first run may be on their way into the archive: that write is not the one that is meant.
        let mut writes = 0;
        while std::mem::replace(&mut writes, world.store.writes()) != writes {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        world.store.plan(1, fault);
        let refused = retry(&engine, &old, &Again::Failed).await;
        assert!(refused.is_err(), "{fault:?}");
        let all = world.store.runs(&old.tenant, RunFilter::default(), 10).await.unwrap();
        let newest = &all.items[0];
        if fault == Fault::FailAfter {
            assert_eq!(newest.trigger["retry_of"], json!(old.id));
            assert_eq!(world.end(&engine, newest.id).await.status, RunStatus::Succeeded);
            assert!(world.artifacts.owners(&Digest::of("ok")).contains(&HoldOwner::Run(newest.id)));
        } else {
            assert_eq!(newest.id, old.id);
        }
        assert_eq!(world.outside.count("ran a 1"), 1);
        world.close(engine).await;
    }
}
