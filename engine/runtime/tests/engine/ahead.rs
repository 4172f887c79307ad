//! Pure steps in process run ahead of the disk; whatever the outside can see waits for it.

use std::time::Duration;

use engine_ports::RunStore as _;
use vocab::{RunStatus, StepStatus};

use crate::faults::Fault;
use crate::world::{BOTH, World};

/// Four pure steps in a row, an effect, and one more pure step.
const CHAIN: &str = "steps:
  a: { uses: test/pure@v1, with: { act: a }, cache: never }
  b: { uses: test/pure@v1, needs: [a], with: { act: b }, cache: never }
  c: { uses: test/pure@v1, needs: [b], with: { act: c }, cache: never }
  d: { uses: test/pure@v1, needs: [c], with: { act: d }, cache: never }
  tag: { uses: test/make@v1, needs: [d] }
  e: { uses: test/pure@v1, needs: [tag], with: { act: e }, cache: never }
";

#[tokio::test]
async fn a_chain_of_pure_steps_does_not_wait_for_the_disk_and_an_effect_does() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        world.store.hold_after(1);
        let run = world.submit(&engine, CHAIN).await;
        world.sees("ran d 1").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!world.outside.has("tag"), "an effect before its run's past was durable");
        let words = world.step_words(run).await;
        assert!(
            words.iter().all(|(_, status)| *status != StepStatus::Succeeded),
            "seen before written: {words:?}"
        );
        world.store.let_go();
        assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
        assert_eq!(world.outside.count("ran a 1"), 1);
        assert!(world.store.leases().await.unwrap().is_empty());
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_step_that_may_touch_the_outside_does_not_start_before_that_is_durable() {
    const STEPS: &str = "steps:
  a: { uses: test/pure@v1, with: { act: a }, cache: never }
  b: { uses: test/plain@v1, needs: [a] }
";
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        world.store.hold_after(1);
        let run = world.submit(&engine, STEPS).await;
        world.sees("ran a 1").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(world.outside.events(), ["ran a 1"]);
        world.store.let_go();
        assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn what_ran_ahead_of_a_crash_runs_again_and_the_history_does_not_know() {
    for on in BOTH {
        let mut world = World::new(on).await;
        let engine = world.start().await;
        world.store.hold_after(1);
        let run = world.submit(&engine, CHAIN).await;
        world.sees("ran d 1").await;
        world.store.die();
        drop(engine);
        world.store.quiet().await;
        world = world.reborn();
        let engine = world.start().await;
        assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
        assert!(
            world.outside.count("ran d 1") + world.outside.count("ran d 2") == 2,
            "{:?}",
            world.outside.events()
        );
        assert_eq!(world.outside.things(), ["tag"]);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_commit_that_fails_takes_back_what_ran_ahead_of_it() {
    for (fault, at) in
        [Fault::FailBefore, Fault::FailAfter].into_iter().flat_map(|fault| (2..12).map(move |at| (fault, at)))
    {
        for on in BOTH {
            let world = World::new(on).await;
            let engine = world.start().await;
            world.store.plan(at, fault);
            let run = world.submit(&engine, CHAIN).await;
            let row = world.end(&engine, run).await;
            assert_eq!(row.status, RunStatus::Succeeded, "write {at}, {fault:?}: {:?}", row.error);
            let mut succeeded = Vec::new();
            for event in world.store.events(run, 0, 1000).await.unwrap() {
                if event.kind == "attempt_succeeded" {
                    succeeded.push(event.payload["path"].as_str().unwrap().to_owned());
                }
            }
            assert_eq!(succeeded, ["a", "b", "c", "d", "tag", "e"], "write {at}, {fault:?}");
            assert_eq!(world.outside.things(), ["tag"]);
            assert!(world.store.leases().await.unwrap().is_empty());
            world.close(engine).await;
        }
    }
}
