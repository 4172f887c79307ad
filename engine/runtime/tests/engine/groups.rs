//! Runs that share room: never more go on than there is room for, and none is forgotten.

use std::time::Duration;

use engine_ports::{RunFilter, RunStore as _};
use engine_runtime::{AskError, Engine, Submission, SubmitError, Waits};
use futures::future::join_all;
use vocab::{Compensation, OnNew, RunGroup, RunId, RunStatus, TenantName};

use crate::faults::Fault;
use crate::world::{BOTH, On, World};

fn grouped(limit: u32, on_new: &str, steps: &str) -> String {
    format!("concurrency: {{ group: golden, limit: {limit}, on_new: {on_new} }}\n{steps}")
}

/// One step that does as it is told.
pub(crate) fn one(name: &str, act: &str) -> String {
    format!("steps:\n  {name}:\n    uses: test/plain@v1\n    with: {{ act: {act} }}\n")
}

async fn status(world: &World, run: RunId) -> RunStatus {
    world.store.run_any_tenant(run).await.unwrap().unwrap().status
}

pub(crate) async fn waits(engine: &Engine, run: RunId) -> Option<Waits> {
    engine.waiting(&TenantName::default_tenant()).await.unwrap().remove(&run)
}

/// From its start to its last event.
async fn spell(world: &World, run: RunId) -> (i64, i64) {
    let events = world.store.events(run, 0, 10_000).await.unwrap();
    let start = events.iter().find(|event| event.kind == "run_started").unwrap().at.as_millis();
    (start, events.last().unwrap().at.as_millis())
}

/// How many of the runs went on at once, at most.
pub(crate) async fn most_at_once(world: &World, runs: &[RunId]) -> usize {
    let spells = join_all(runs.iter().map(|run| spell(world, *run))).await;
    let others = |at: i64| spells.iter().filter(|(start, end)| *start <= at && at < *end).count();
    spells.iter().map(|(start, _)| others(*start)).max().unwrap_or(0)
}

#[tokio::test]
async fn a_run_waits_until_the_one_before_it_is_over() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let first = world.submit(&engine, &grouped(1, "queue", &one("first", "late"))).await;
        let second = world.submit(&engine, &grouped(1, "queue", &one("second", "ok"))).await;
        let third = world.submit(&engine, &grouped(1, "queue", &one("third", "ok"))).await;
        world.sees("ran first 1").await;
        assert_eq!(status(&world, second).await, RunStatus::Queued);
        let group = RunGroup { name: "golden".into(), limit: 1, on_new: OnNew::Queue };
        let behind = |behind| Some(Waits::Group { group: group.clone(), behind });
        assert_eq!(waits(&engine, second).await, behind(first));
        assert_eq!(waits(&engine, third).await, behind(second));
        assert_eq!(waits(&engine, first).await, None);
        world.outside.note("go".into());
        for run in [first, second, third] {
            assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
        }
        assert_eq!(most_at_once(&world, &[first, second, third]).await, 1);
        assert_eq!(world.outside.events()[..2], ["ran first 1", "go"]);
        world.close(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_are_submitted_at_once_never_exceed_their_limit() {
    for on in BOTH {
        for limit in [1, 2] {
            let mut world = World::new(on).await;
            world.limits.concurrent_attempts = 16;
            let engine = world.start().await;
            let text = grouped(limit, "queue", &one("a", "ok"));
            let submitted = (0..12).map(|_| engine.submit(world.submission(&text)));
            let runs: Vec<_> = join_all(submitted).await.into_iter().map(Result::unwrap).collect();
            for run in &runs {
                assert_eq!(world.end(&engine, *run).await.status, RunStatus::Succeeded);
            }
            assert!(most_at_once(&world, &runs).await <= limit as usize);
            world.close(engine).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_runs_that_drop_only_as_many_are_created_as_have_room() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let text = grouped(2, "drop", &one("a", "late"));
        let submitted = join_all((0..8).map(|_| engine.submit(world.submission(&text)))).await;
        let runs: Vec<_> = submitted.iter().filter_map(|run| run.as_ref().ok().copied()).collect();
        assert_eq!(runs.len(), 2, "{submitted:?}");
        let refused = submitted.into_iter().find_map(Result::err).unwrap();
        assert!(matches!(&refused, SubmitError::GroupFull { group, .. } if group == "golden"), "{refused}");
        assert!(refused.to_string().contains("dropped"), "{refused}");
        assert_eq!(world.store.unfinished().await.unwrap().len(), 2, "nothing is left of the others");
        world.outside.note("go".into());
        for run in runs {
            world.end(&engine, run).await;
        }
        world.submit(&engine, &grouped(2, "drop", &one("a", "ok"))).await;
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_delivery_that_comes_again_finds_its_run_and_is_not_dropped() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let origin = Some(("push-1".to_owned(), "a.yaml".to_owned()));
    let submission =
        || Submission { origin: origin.clone(), ..world.submission(&grouped(1, "drop", &one("a", "late"))) };
    let run = engine.submit(submission()).await.unwrap();
    assert_eq!(engine.submit(submission()).await.unwrap(), run);
    world.outside.note("go".into());
    world.end(&engine, run).await;
    world.close(engine).await;
}

#[tokio::test]
async fn a_newer_run_has_those_before_it_undone_and_starts_when_they_are() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let made = "steps:\n  made:\n    uses: test/make@v1\n    with: { act: then_wait }\n";
        let first = world.submit(&engine, &grouped(1, "cancel_running", made)).await;
        world.sees("made made").await;
        let second = world.submit(&engine, &grouped(1, "cancel_running", &one("second", "ok"))).await;
        let ended = world.end(&engine, first).await;
        assert_eq!((ended.status, ended.compensation), (RunStatus::Cancelled, Compensation::Complete));
        assert_eq!(world.end(&engine, second).await.status, RunStatus::Succeeded);
        let events = world.store.events(first, 0, 100).await.unwrap();
        let asked = events.iter().find(|event| event.kind == "cancel_requested").unwrap();
        assert_eq!(asked.payload["reason"], "a newer run of its group");
        assert_eq!(asked.payload["by"], format!("run {second}"));
        let seen = world.outside.events();
        let at = |what: &str| seen.iter().position(|event| event == what).unwrap();
        assert!(at("unmade made") < at("ran second 1"), "{seen:?}");
        world.close(engine).await;
    }
}

#[tokio::test]
async fn only_the_newest_of_those_that_cancel_is_left() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let mut runs = Vec::new();
    for name in ["a", "b", "c", "d"] {
        runs.push(world.submit(&engine, &grouped(1, "cancel_running", &one(name, "wait"))).await);
    }
    let last = world.submit(&engine, &grouped(1, "cancel_running", &one("last", "ok"))).await;
    assert_eq!(world.end(&engine, last).await.status, RunStatus::Succeeded);
    for run in runs {
        assert_eq!(status(&world, run).await, RunStatus::Cancelled);
    }
    world.close(engine).await;
}

#[tokio::test]
async fn a_run_past_its_pivot_is_waited_for_and_not_cancelled() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let text = "steps:
  moved:
    uses: test/make@v1
    pivot: true
  told:
    uses: test/plain@v1
    needs: [moved]
    with: { act: late }
";
    let first = world.submit(&engine, &grouped(1, "queue", text)).await;
    world.sees("ran told 1").await;
    let second = world.submit(&engine, &grouped(1, "cancel_running", &one("second", "ok"))).await;
    // Longer than several looks.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(status(&world, second).await, RunStatus::Queued);
    assert!(!world.events(first).await.contains(&"cancel_requested".to_owned()));
    world.outside.note("go".into());
    assert_eq!(world.end(&engine, first).await.status, RunStatus::Succeeded);
    assert_eq!(world.end(&engine, second).await.status, RunStatus::Succeeded);
    assert!(world.outside.has("moved"));
    world.close(engine).await;
}

#[tokio::test]
async fn a_queued_run_can_be_cancelled_and_its_time_runs_out() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let first = world.submit(&engine, &grouped(1, "queue", &one("first", "late"))).await;
    let second = world.submit(&engine, &grouped(1, "queue", &one("second", "ok"))).await;
    let hurried = format!("timeout: 1s\n{}", grouped(1, "queue", &one("hurried", "ok")));
    let third = world.submit(&engine, &hurried).await;
    engine.cancel(&TenantName::default_tenant(), second, "ada", None).await.unwrap();
    assert_eq!(world.end(&engine, second).await.status, RunStatus::Cancelled);
    assert_eq!(world.end(&engine, third).await.status, RunStatus::TimedOut);
    world.outside.note("go".into());
    assert_eq!(world.end(&engine, first).await.status, RunStatus::Succeeded);
    assert_eq!(world.outside.events(), ["ran first 1", "go", "reports late"]);
    world.close(engine).await;
}

#[tokio::test]
async fn a_run_that_a_step_starts_does_not_wait_for_its_own_caller() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let inner = world.workflow("inner", &grouped(1, "queue", &one("inside", "ok")));
    let call = "steps:\n  call:\n    uses: test/call@v1\n    with: { workflow: inner }\n";
    let submission = Submission { workflows: vec![inner], ..world.submission(&grouped(1, "queue", call)) };
    let run = engine.submit(submission).await.unwrap();
    assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    world.close(engine).await;
}

#[tokio::test]
async fn a_group_that_comes_to_no_name_starts_nothing() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let text = format!(
        "inputs:\n  name: {{ type: string, default: \"\" }}\nconcurrency: ${{{{ inputs.name }}}}\n{}",
        one("a", "ok")
    );
    let refused = engine.submit(world.submission(&text)).await.unwrap_err();
    assert!(refused.to_string().contains("`concurrency` is empty"), "{refused}");
    assert!(world.store.unfinished().await.unwrap().is_empty());
    world.close(engine).await;
}

#[tokio::test]
async fn a_start_goes_on_with_what_waits_and_with_what_was_asked_to_end() {
    let mut world = World::new(On::Sqlite).await;
    world.limits.drain_seconds = 0;
    let engine = world.start().await;
    let first = world.submit(&engine, &grouped(1, "queue", &one("first", "wait_once"))).await;
    let second = world.submit(&engine, &grouped(1, "queue", &one("second", "ok"))).await;
    world.sees("ran first 1").await;
    engine.shutdown().await;
    drop(engine);
    assert_eq!(status(&world, second).await, RunStatus::Queued);
    let engine = world.start().await;
    assert_eq!(world.end(&engine, first).await.status, RunStatus::Succeeded);
    assert_eq!(world.end(&engine, second).await.status, RunStatus::Succeeded);
    assert_eq!(most_at_once(&world, &[first, second]).await, 1);
    world.close(engine).await;
}

/// Both runs, and what became of the process: it dies, or the store fails, at its write number `at`.
async fn troubled(at: usize, fault: Fault, on_new: &str) -> bool {
    let mut world = World::new(On::Memory).await;
    let engine = world.start().await;
    let first = world.submit(&engine, &grouped(1, "queue", &one("first", "wait_once"))).await;
    world.sees("ran first 1").await;
    let submission = world.submission(&grouped(1, on_new, &one("second", "ok")));
    world.store.plan(at, fault);
    let before = world.store.writes();
    let second = engine.submit(submission).await;
    // Somebody who asks again when it is not known what became of it.
    while (on_new == "queue" || second.is_err()) && !world.store.is_dead() {
        match engine.cancel(&TenantName::default_tenant(), first, "ada", None).await {
            Err(AskError::Store(_)) => tokio::time::sleep(Duration::from_millis(2)).await,
            _ => break,
        }
    }
    let quiet = async {
        while !world.store.is_dead() && !world.store.unfinished().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let late = format!("write {at}, {fault:?}, {on_new}: it stands still");
    tokio::time::timeout(Duration::from_secs(20), quiet).await.expect(&late);
    let reached = world.store.writes() - before >= at;
    let engine = if world.store.is_dead() {
        drop(engine);
        world.store.quiet().await;
        world = world.reborn();
        world.start().await
    } else {
        engine
    };
    let all = world.store.runs(&TenantName::default_tenant(), RunFilter::default(), 10).await.unwrap().items;
    let runs: Vec<_> = all.iter().map(|row| row.id).collect();
    assert!(second.is_err() || runs.contains(second.as_ref().unwrap()), "what was answered is there");
    for run in &runs {
        world.end(&engine, *run).await;
    }
    assert!(most_at_once(&world, &started(&world, &runs).await).await <= 1, "write {at}, {fault:?}");
    world.close(engine).await;
    reached
}

/// Those that were started; one that was cancelled before its turn was not.
async fn started(world: &World, runs: &[RunId]) -> Vec<RunId> {
    let mut started = Vec::new();
    for run in runs {
        if world.step_words(*run).await.iter().any(|(_, status)| status.name() != "not_reached") {
            started.push(*run);
        }
    }
    started
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_write_is_lost_or_not_heard_of_the_next_run_has_its_turn() {
    for on_new in ["queue", "cancel_running"] {
        for fault in [Fault::DieBefore, Fault::DieAfter, Fault::FailBefore, Fault::FailAfter] {
            let mut at = 1;
            while troubled(at, fault, on_new).await {
                at += 1;
            }
            assert!(at > 5, "{on_new}, {fault:?}: only {at} writes");
        }
    }
}
