//! A shutdown fails nothing and undoes nothing: the next start goes on.

use engine_ports::RunStore as _;
use vocab::{RunStatus, StepStatus};

use crate::world::{BOTH, On, World};

#[tokio::test]
async fn an_attempt_that_does_not_end_in_time_is_started_again_by_the_next_start() {
    for on in BOTH {
        let mut world = World::new(on).await;
        world.limits.drain_seconds = 0;
        let engine = world.start().await;
        let steps = "steps:
  made:
    uses: test/make@v1
  a:
    uses: test/plain@v1
    needs: [made]
    with: { act: wait_once }
";
        let run = world.submit(&engine, steps).await;
        world.sees("ran a 1").await;
        engine.shutdown().await;
        let refused = engine.submit(world.submission(steps)).await.unwrap_err();
        assert!(refused.to_string().contains("shutting down"), "{refused}");
        drop(engine);
        let row = world.store.run_any_tenant(run).await.unwrap().unwrap();
        assert_eq!(row.status, RunStatus::Running);
        assert_eq!(world.outside.things(), ["made"]);
        let engine = world.start().await;
        assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
        assert_eq!(world.outside.count("ran made 1"), 1);
        assert_eq!(world.outside.count("ran a 2"), 1);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn what_ends_while_draining_is_kept_and_nothing_new_starts() {
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
    world.sees("ran a 1").await;
    engine.shutdown().await;
    drop(engine);
    assert_eq!(world.step(run, "a").await.status, StepStatus::Succeeded);
    assert_eq!(world.step(run, "b").await.status, StepStatus::Ready);
    let engine = world.start().await;
    assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    assert_eq!(world.outside.events(), ["ran a 1", "ran b 1"]);
    world.close(engine).await;
}
