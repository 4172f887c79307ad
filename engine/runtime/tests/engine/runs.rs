//! Runs from their start to their end.

use std::time::Duration;

use engine_ports::RunStore as _;
use engine_runtime::Standing;
use vocab::{RunStatus, StepStatus, Value};

use crate::outside::SECRET;
use crate::world::{BOTH, On, World};

const CHAIN: &str = "steps:
  a:
    uses: test/plain@v1
  b:
    uses: test/plain@v1
    with: { after: '${{ steps.a.outputs.word }}' }
  c:
    uses: test/plain@v1
    with: { after: '${{ steps.b.outputs.word }}' }
outputs:
  last: ${{ steps.c.outputs.word }}
";

#[tokio::test]
async fn a_success_and_the_start_of_its_successor_are_one_commit() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let row = world.run(&engine, CHAIN).await;
        assert_eq!(row.status, RunStatus::Succeeded, "{:?}", row.error);
        assert_eq!(row.outputs["last"], Value::from("ok"));
        // The creation with the first start, two successes with their successors' starts, the last success.
        assert_eq!(world.store.writes(), 4);
        assert_eq!(world.outside.events(), ["ran a 1", "ran b 1", "ran c 1"]);
        assert!(world.store.leases().await.unwrap().is_empty());
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_transient_failure_is_tried_again() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let steps = "steps:
  a:
    uses: test/plain@v1
    with: { act: flaky }
    retry: { attempts: 3, backoff: { initial: 10ms } }
";
        let row = world.run(&engine, steps).await;
        assert_eq!(row.status, RunStatus::Succeeded, "{:?}", row.error);
        assert_eq!(world.outside.events(), ["ran a 1", "ran a 2", "ran a 3"]);
        assert_eq!(world.step(row.id, "a").await.attempts, 3);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_stopped_and_says_so() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let steps = "steps:
  a:
    uses: test/plain@v1
    with: { act: wait }
    timeout: 200ms
";
    let row = world.run(&engine, steps).await;
    assert_eq!(world.step(row.id, "a").await.status, StepStatus::TimedOut);
    assert!(!row.status.is_terminal() || row.status != RunStatus::Succeeded);
    world.close(engine).await;
}

#[tokio::test]
async fn cancel_while_leased_stops_the_step() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let steps = "steps:
  a:
    uses: test/plain@v1
    with: { act: wait }
  b:
    uses: test/plain@v1
    needs: [a]
";
        let submission = world.submission(steps);
        let tenant = submission.tenant.clone();
        let run = engine.submit(submission).await.unwrap();
        world.sees("ran a 1").await;
        engine.cancel(&tenant, run, "somebody", Some("changed my mind".into())).await.unwrap();
        let row = world.end(&engine, run).await;
        assert_eq!(row.status, RunStatus::Cancelled);
        assert_eq!(world.step(run, "a").await.status, StepStatus::Cancelled);
        assert_eq!(world.step(run, "b").await.status, StepStatus::NotReached);
        let late = engine.cancel(&tenant, run, "somebody", None).await.unwrap_err();
        assert!(late.to_string().contains("has ended"), "{late}");
        let other = "other".parse().unwrap();
        let missing = engine.cancel(&other, run, "somebody", None).await.unwrap_err();
        assert!(missing.to_string().contains("there is no run"), "{missing}");
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_panic_of_an_action_fails_its_step_and_nothing_else() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let steps = "steps:
  a:
    uses: test/plain@v1
    with: { act: panic }
";
    let row = world.run(&engine, steps).await;
    assert_eq!(row.status, RunStatus::Failed);
    let error = world.step(row.id, "a").await.error.unwrap();
    assert!(error["message"].as_str().unwrap().contains("a bug in the action"), "{error}");
    assert_eq!(world.run(&engine, CHAIN).await.status, RunStatus::Succeeded);
    assert_eq!(engine.status().slots.taken, 0);
    world.close(engine).await;
}

#[tokio::test]
async fn outputs_of_the_wrong_type_fail_the_step() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let row = world.run(&engine, "steps:\n  a:\n    uses: test/plain@v1\n    with: { act: wrong }\n").await;
    assert_eq!(row.status, RunStatus::Failed);
    let error = world.step(row.id, "a").await.error.unwrap();
    assert!(error["message"].as_str().unwrap().contains("`word`"), "{error}");
    world.close(engine).await;
}

#[tokio::test]
async fn host_execution_without_trust_is_refused_at_dispatch() {
    let mut world = World::new(On::Memory).await;
    let engine = world.start().await;
    let steps = "steps:\n  a:\n    uses: test/host@v1\n";
    let row = world.run(&engine, steps).await;
    assert_eq!(row.status, RunStatus::Failed);
    assert_eq!(world.step(row.id, "a").await.error.unwrap()["class"], "gate");
    assert!(world.outside.events().is_empty());
    world.trust_host = true;
    assert_eq!(world.run(&engine, steps).await.status, RunStatus::Succeeded);
    world.close(engine).await;
}

#[tokio::test]
async fn the_same_delivery_never_starts_a_second_run() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let mut submission = world.submission(CHAIN);
        submission.origin = Some(("delivery-1".into(), ".image-factory/test.yaml".into()));
        let first = engine.submit(submission.clone()).await.unwrap();
        let second = engine.submit(submission).await.unwrap();
        assert_eq!(first, second);
        world.end(&engine, first).await;
        assert_eq!(world.outside.count("ran a 1"), 1);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_retried_run_has_the_plan_and_inputs_of_the_first() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let first = world.run(&engine, CHAIN).await;
    let now = Standing::default();
    let second = engine.retry(&first.tenant, first.id, "somebody", None, now).await.unwrap();
    let second = world.end(&engine, second).await;
    assert_eq!((second.status, &second.plan, &second.inputs), (first.status, &first.plan, &first.inputs));
    assert_eq!(second.trigger["retry_of"], first.id.to_string());
    world.close(engine).await;
}

#[tokio::test]
async fn many_runs_share_few_slots_and_all_end() {
    let mut world = World::new(On::Sqlite).await;
    world.limits.concurrent_attempts = 3;
    let engine = world.start().await;
    let mut runs = Vec::new();
    for _ in 0..30 {
        runs.push(world.submit(&engine, CHAIN).await);
    }
    for run in runs {
        assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    }
    let status = engine.status();
    assert_eq!((status.slots.taken, status.slots.waiting), (0, 0));
    world.close(engine).await;
}

#[tokio::test]
async fn a_crowd_of_waiting_runs_is_not_held_in_memory_and_every_one_gets_its_turn() {
    let mut world = World::new(On::Memory).await;
    world.limits.concurrent_attempts = 1;
    let engine = world.start().await;
    let submission = world.submission("steps:\n  a:\n    uses: test/plain@v1\n    with: { act: wait }\n");
    let tenant = submission.tenant.clone();
    let first = engine.submit(submission).await.unwrap();
    world.sees("ran a 1").await;
    let small = world.submission("steps:\n  b:\n    uses: test/plain@v1\n");
    let mut runs = Vec::new();
    for _ in 0..400 {
        runs.push(engine.submit(small.clone()).await.unwrap());
    }
    assert!(engine.status().runs_in_memory < 300, "{:?}", engine.status());
    assert_eq!(engine.status().slots.waiting, 400);
    engine.cancel(&tenant, first, "somebody", None).await.unwrap();
    for run in runs {
        assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    }
    assert_eq!(world.outside.count("ran b 1"), 400);
    world.close(engine).await;
}

#[tokio::test]
async fn a_run_that_has_ended_leaves_memory() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    world.run(&engine, CHAIN).await;
    for _ in 0..200 {
        if engine.status().runs_in_memory == 0 {
            world.close(engine).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it stays in memory");
}

#[tokio::test]
async fn a_work_folder_is_empty_at_the_start_and_gone_at_the_end() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    world.run(&engine, "steps:\n  a:\n    uses: test/plain@v1\n    with: { act: folder }\n").await;
    engine.shutdown().await;
    assert!(world.outside.events()[1].ends_with("empty true"), "{:?}", world.outside.events());
    assert_eq!(std::fs::read_dir(world.home.path().join("work")).unwrap().count(), 0);
    world.close(engine).await;
}

#[tokio::test]
async fn a_secret_does_not_become_an_output() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let row =
        world.run(&engine, "steps:\n  a:\n    uses: test/plain@v1\n    with: { act: tell_secret }\n").await;
    assert_eq!(row.status, RunStatus::Failed);
    let error = world.step(row.id, "a").await.error.unwrap();
    assert!(error["message"].as_str().unwrap().contains("`word` holds a secret"), "{error}");
    let events = world.store.events(row.id, 0, 1000).await.unwrap();
    assert!(!serde_json::to_string(&events).unwrap().contains(SECRET));
    world.close(engine).await;
}

#[tokio::test]
async fn a_secret_reaches_neither_log_nor_message() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let row = world.run(&engine, "steps:\n  a:\n    uses: test/plain@v1\n    with: { act: secret }\n").await;
    let error = world.step(row.id, "a").await.error.unwrap();
    assert_eq!(error["message"], "cannot log in with ***");
    assert_eq!(world.log(&engine, row.id, "a", 1).await[0], "the secret is ***");
    world.close(engine).await;
}

#[tokio::test]
async fn a_tenant_with_many_runs_does_not_hold_up_another() {
    let mut world = World::new(On::Memory).await;
    world.limits.concurrent_attempts = 1;
    let engine = world.start().await;
    let step =
        |name: &str| format!("steps:\n  {name}:\n    uses: test/plain@v1\n    with: {{ act: sleep }}\n");
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(world.submit(&engine, &step("many")).await);
    }
    let mut submission = world.submission(&step("one"));
    submission.tenant = "other".parse().unwrap();
    runs.push(engine.submit(submission).await.unwrap());
    for run in runs {
        assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    }
    let events = world.outside.events();
    let turn = events.iter().filter(|event| event.starts_with("ran ")).position(|event| event == "ran one 1");
    assert!(turn.unwrap() <= 2, "{events:?}");
    world.close(engine).await;
}
