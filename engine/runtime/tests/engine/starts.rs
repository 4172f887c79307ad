//! A start goes on with what earlier ones left, all of it, and keeps in memory only what is to be done now.

use std::time::Duration;

use engine_ports::{Commit, EventRecord, RunStore as _};
use engine_runtime::StartError;
use serde_json::json;
use vocab::{Clock as _, RunId, RunStatus, StepStatus};

use crate::faults::Fault;
use crate::world::{BOTH, On, World};

const WAIT_ONCE: &str = "steps:\n  a:\n    uses: test/plain@v1\n    with: { act: wait_once }\n";

fn flaky(pause: &str) -> String {
    format!(
        "steps:
  a:
    uses: test/plain@v1
    with: {{ act: flaky }}
    retry: {{ attempts: 3, backoff: {{ initial: {pause}, max: {pause} }} }}
"
    )
}

#[tokio::test]
async fn runs_that_only_wait_stay_out_of_memory_until_their_time_comes() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let soon = world.submit(&engine, &flaky("2s")).await;
        for _ in 0..20 {
            let run = world.submit(&engine, &flaky("1h")).await;
            while world.step(run, "a").await.status != StepStatus::Retrying {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
        engine.shutdown().await;
        drop(engine);
        let engine = world.start().await;
        assert!(engine.status().runs_in_memory <= 1, "{:?}", engine.status());
        assert_eq!(world.end(&engine, soon).await.status, RunStatus::Succeeded);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_store_that_stumbles_right_after_a_start_leaves_no_lost_attempt_behind() {
    for fault in [Fault::FailBefore, Fault::FailAfter] {
        let mut world = World::new(On::Sqlite).await;
        world.limits.drain_seconds = 0;
        let engine = world.start().await;
        let run = world.submit(&engine, WAIT_ONCE).await;
        world.sees("ran a 1").await;
        engine.shutdown().await;
        drop(engine);
        world.store.plan(1, fault);
        let engine = world.start().await;
        assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded, "{fault:?}");
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_history_that_is_not_understood_refuses_the_start_before_anything_goes_on() {
    let mut world = World::new(On::Sqlite).await;
    world.limits.drain_seconds = 0;
    let engine = world.start().await;
    let first = world.submit(&engine, WAIT_ONCE).await;
    let other = world.submit(&engine, WAIT_ONCE).await;
    while world.outside.count("ran a 1") < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    engine.shutdown().await;
    drop(engine);
    let before = world.events(first).await;
    let mut row = world.store.run_any_tenant(other).await.unwrap().unwrap();
    let expected_seq = row.seq;
    row.seq += 1;
    let event = EventRecord {
        seq: row.seq,
        at: row.created_at,
        kind: "run_teleported".into(),
        v: 1,
        payload: json!({}),
    };
    let commit = Commit {
        run: row,
        expected_seq,
        events: vec![event],
        steps: Vec::new(),
        effects: Vec::new(),
        leases: Vec::new(),
        memos: Vec::new(),
        claim: None,
        answers: Vec::new(),
    };
    world.store.commit(commit).await.unwrap();
    let refused = world.try_start().await.err().unwrap();
    assert!(matches!(refused, StartError::History(_)), "{refused:?}");
    assert!(refused.to_string().contains("run_teleported"), "{refused}");
    assert_eq!(world.events(first).await, before);
    assert_eq!(world.outside.count("ran a 2"), 0);
}

/// Milliseconds of the run's events, in order.
async fn times(world: &World, run: RunId) -> Vec<i64> {
    let events = world.store.events(run, 0, 10_000).await.unwrap();
    events.into_iter().map(|event| event.at.as_millis()).collect()
}

#[tokio::test]
async fn a_clock_that_was_set_back_between_two_starts_stops_no_timer_and_turns_no_time_back() {
    const HOUR: i64 = 3_600_000;
    for on in BOTH {
        let mut world = World::new(on).await;
        world.limits.drain_seconds = 0;
        let engine = world.start().await;
        let retries = world.submit(&engine, &flaky("2s")).await;
        while world.step(retries, "a").await.status != StepStatus::Retrying {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let lost = world.submit(&engine, WAIT_ONCE).await;
        world.sees("ran a 1").await;
        engine.shutdown().await;
        drop(engine);
        let before = [times(&world, retries).await, times(&world, lost).await];
        world.clock.set_by(-HOUR);
        let set = world.clock.now().as_millis();
        // Twice: what went on after the first start lies ahead of the second as well.
        let engine = world.start().await;
        engine.shutdown().await;
        drop(engine);
        let engine = world.start().await;
        for (run, before) in [retries, lost].into_iter().zip(before) {
            assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
            let after = times(&world, run).await;
            assert!(after.len() > before.len() && after.is_sorted(), "{after:?}");
            let (next, end) = (after[before.len()], *after.last().unwrap());
            assert!(next >= *before.last().unwrap() && end < set + 2 * HOUR, "{after:?}");
        }
        // A run that begins now begins with the clock as it is.
        let fresh = world.run(&engine, &flaky("10ms")).await;
        assert!(fresh.created_at.as_millis() < set + HOUR / 2);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn the_time_of_a_run_goes_on_while_it_is_out_of_memory() {
    const HOUR: i64 = 3_600_000;
    let world = World::new(On::Memory).await;
    let mut engine = world.start().await;
    let run = world.submit(&engine, &flaky("1h")).await;
    for attempts in 1..3 {
        let waits = async || {
            let step = world.step(run, "a").await;
            step.status == StepStatus::Retrying && step.attempts == attempts
        };
        while !waits().await || engine.status().runs_in_memory > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if attempts == 1 {
            engine.shutdown().await;
            drop(engine);
            world.clock.set_by(-HOUR);
            engine = world.start().await;
        }
        world.clock.set_by(HOUR);
    }
    assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    assert!(times(&world, run).await.is_sorted());
    world.close(engine).await;
}
