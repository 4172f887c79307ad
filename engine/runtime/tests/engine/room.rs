//! Bounds of the installation, priorities, and bounds of actions.

use std::time::Duration;

use engine_runtime::Waits;
use vocab::RunStatus;

use crate::groups::{most_at_once, one, waits};
use crate::world::{BOTH, On, World};

#[tokio::test]
async fn the_bounds_of_the_installation_hold_for_runs_without_a_group() {
    for on in BOTH {
        let mut world = World::new(on).await;
        world.limits.runs_per_tenant = 2;
        let engine = world.start().await;
        let mut runs = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            runs.push(world.submit(&engine, &one(name, "late")).await);
        }
        world.sees("ran a 1").await;
        world.sees("ran b 1").await;
        assert_eq!(waits(&engine, runs[2]).await, Some(Waits::Tenant(2)));
        world.outside.note("go".into());
        for run in &runs {
            assert_eq!(world.end(&engine, *run).await.status, RunStatus::Succeeded);
        }
        assert!(most_at_once(&world, &runs).await <= 2);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn what_waited_for_a_bound_that_is_gone_goes_on_at_the_next_start() {
    let mut world = World::new(On::Sqlite).await;
    world.limits.runs_per_workflow = 1;
    world.limits.drain_seconds = 0;
    let engine = world.start().await;
    world.submit(&engine, &one("a", "wait")).await;
    let second = world.submit(&engine, &one("b", "ok")).await;
    assert_eq!(waits(&engine, second).await, Some(Waits::Workflow(1)));
    engine.shutdown().await;
    drop(engine);
    world.limits.runs_per_workflow = 0;
    let engine = world.start().await;
    assert_eq!(world.end(&engine, second).await.status, RunStatus::Succeeded);
    world.close(engine).await;
}

#[tokio::test]
async fn of_the_runs_of_a_tenant_that_wait_for_a_worker_the_higher_priority_goes_first() {
    let mut world = World::new(On::Sqlite).await;
    world.limits.concurrent_attempts = 1;
    let engine = world.start().await;
    let busy = world.submit(&engine, &one("busy", "late")).await;
    world.sees("ran busy 1").await;
    let mut runs = vec![busy];
    for (name, priority) in [("low", -1), ("usual", 0), ("high", 7), ("higher", 8)] {
        runs.push(world.submit(&engine, &format!("priority: {priority}\n{}", one(name, "ok"))).await);
    }
    while engine.status().slots.waiting < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.outside.note("go".into());
    for run in runs {
        assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    }
    let ran: Vec<_> = world.outside.events().into_iter().filter(|event| event.starts_with("ran")).collect();
    assert_eq!(ran, ["ran busy 1", "ran higher 1", "ran high 1", "ran usual 1", "ran low 1"]);
    world.close(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_attempts_of_an_action_run_at_once_and_others_pass_them() {
    for on in BOTH {
        let mut world = World::new(on).await;
        world.limits.concurrent_attempts = 4;
        world.limits.attempts_per_action = [("test/plain".to_owned(), 1)].into();
        let engine = world.start().await;
        let text = "steps:
  slow:
    uses: test/plain@v1
    for_each: [1, 2, 3]
    with: { act: sleep }
  other:
    uses: test/make@v1
";
        let runs = [world.submit(&engine, text).await, world.submit(&engine, text).await];
        for run in runs {
            assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
        }
        let mut spells = Vec::new();
        for run in runs {
            for step in world.steps(run).await.into_iter().filter(|step| step.path.to_string().ends_with(']'))
            {
                spells.push((step.started_at.unwrap(), step.finished_at.unwrap()));
            }
        }
        spells.sort();
        assert_eq!(spells.len(), 6);
        assert!(spells.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{spells:?}");
        let seen = world.outside.events();
        let last_slow = seen.iter().rposition(|event| event.starts_with("ran slow")).unwrap();
        let others: Vec<_> = seen.iter().take(last_slow).filter(|event| *event == "made other").collect();
        assert_eq!(others.len(), 2, "{seen:?}");
        world.close(engine).await;
    }
}
