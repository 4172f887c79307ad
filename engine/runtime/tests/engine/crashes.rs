//! The process dies at every single write of a run, before and after it is durable; a new one goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use engine_ports::RunStore as _;
use vocab::{Compensation, RunId, RunStatus};

use crate::effects::{MAKE, MAKE_AND_FAIL};
use crate::faults::Fault;
use crate::world::{On, World};

/// What the outside must look like in the end.
struct Expected {
    steps: &'static str,
    status: RunStatus,
    compensation: &'static [Compensation],
    things: &'static [&'static str],
}

const SUCCEEDS: Expected = Expected {
    steps: MAKE,
    status: RunStatus::Succeeded,
    compensation: &[Compensation::NotNeeded],
    things: &["a", "b"],
};
const FAILS: Expected = Expected {
    steps: MAKE_AND_FAIL,
    status: RunStatus::Failed,
    compensation: &[Compensation::Complete],
    things: &[],
};

async fn only_run(world: &World) -> Option<RunId> {
    let tenant = "default".parse().unwrap();
    let runs = world.store.runs(&tenant, engine_ports::RunFilter::default(), 10).await.unwrap();
    assert!(runs.items.len() <= 1);
    runs.items.first().map(|run| run.id)
}

/// Each step succeeded once, and was not started after that.
pub(crate) async fn nothing_forgotten_or_repeated(world: &World, run: RunId) {
    let mut succeeded: BTreeMap<String, u32> = BTreeMap::new();
    for (seq, event) in (1..).zip(world.store.events(run, 0, 10_000).await.unwrap()) {
        assert_eq!(event.seq, seq, "a gap in the history");
        let path = event.payload["path"].as_str().unwrap_or_default().to_owned();
        match event.kind.as_str() {
            "attempt_succeeded" => *succeeded.entry(path).or_default() += 1,
            "attempt_started" => assert!(!succeeded.contains_key(&path), "{path} started after its success"),
            _ => {}
        }
    }
    assert!(succeeded.values().all(|count| *count == 1), "{succeeded:?}");
}

/// Gives false when the run made fewer writes than `at`.
async fn die_at(on: On, expected: &Expected, at: usize, fault: Fault) -> bool {
    let mut world = World::new(on).await;
    let engine = world.start().await;
    world.store.plan(at, fault);
    let submitted = engine.submit(world.submission(expected.steps)).await;
    if let Ok(run) = submitted {
        for _ in 0..3000 {
            // A dead store answers no question.
            let row = world.store.run_any_tenant(run).await;
            if row.map_or(true, |row| row.unwrap().status.is_terminal()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    drop(engine);
    // What still ran in the old process ends; a real one would be gone already.
    tokio::time::sleep(Duration::from_millis(30)).await;
    world.store.quiet().await;
    let died = world.store.is_dead();
    world = world.reborn();
    let engine = world.start().await;
    if let Some(run) = only_run(&world).await {
        let row = world.end(&engine, run).await;
        assert_eq!(row.status, expected.status, "write {at}, {fault:?}: {:?}", row.error);
        assert!(
            expected.compensation.contains(&row.compensation),
            "write {at}, {fault:?}: {}",
            row.compensation
        );
        assert_eq!(world.outside.things(), expected.things, "write {at}, {fault:?}");
        nothing_forgotten_or_repeated(&world, run).await;
        let early = world.outside.events().into_iter().find(|event| event.ends_with("without an intent"));
        assert_eq!(early, None, "write {at}, {fault:?}");
        assert!(world.store.leases().await.unwrap().is_empty());
    } else {
        assert!(world.outside.events().is_empty(), "something happened before the run was durable");
    }
    world.close(engine).await;
    died
}

async fn die_everywhere(on: On, expected: &Expected) -> usize {
    let mut points = 0;
    for at in 1.. {
        let before = die_at(on, expected, at, Fault::DieBefore).await;
        let after = die_at(on, expected, at, Fault::DieAfter).await;
        if !before && !after {
            break;
        }
        points += usize::from(before) + usize::from(after);
    }
    let reached = format!("{points} writes on {on:?}");
    test_parts::note("kill points", &reached, &format!("a run that ends {}", expected.status));
    points
}

#[tokio::test]
async fn a_run_that_succeeds_survives_a_crash_at_every_write() {
    // Creation, then for two effects intent and result each, three successes.
    assert!(die_everywhere(On::Memory, &SUCCEEDS).await >= 2 * 8);
}

#[tokio::test]
async fn a_run_that_fails_is_undone_whole_in_spite_of_a_crash_at_every_write() {
    assert!(die_everywhere(On::Memory, &FAILS).await >= 2 * 10);
}

#[tokio::test]
async fn sqlite_survives_a_crash_at_every_write() {
    assert!(die_everywhere(On::Sqlite, &FAILS).await >= 2 * 10);
}

#[tokio::test]
async fn a_store_that_stumbles_once_costs_nothing_but_time() {
    for (expected, writes) in [(&SUCCEEDS, 8), (&FAILS, 10)] {
        for fault in [Fault::FailBefore, Fault::FailAfter] {
            for at in 1..=writes {
                let world = World::new(On::Memory).await;
                let engine = world.start().await;
                world.store.plan(at, fault);
                let mut submission = world.submission(expected.steps);
                submission.origin = Some(("delivery".into(), "file".into()));
                let run = match engine.submit(submission.clone()).await {
                    Ok(run) => run,
                    Err(_) => engine.submit(submission).await.unwrap(),
                };
                let row = world.end(&engine, run).await;
                nothing_forgotten_or_repeated(&world, run).await;
                if fault == Fault::FailBefore {
                    // After the other fault, an attempt may have been granted that nobody heard of.
                    let events = world.store.events(run, 0, 10_000).await.unwrap();
                    let lost = events.iter().filter(|event| event.kind == "attempt_lost").count();
                    assert_eq!(lost, 0, "write {at}: the process lives, and so do its attempts");
                }
                assert_eq!(row.status, expected.status, "write {at}, {fault:?}: {:?}", row.error);
                assert_eq!(world.outside.things(), expected.things, "write {at}, {fault:?}");
                world.close(engine).await;
            }
        }
    }
}
