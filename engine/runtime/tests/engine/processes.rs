//! Several engines on one set of rows: each run is driven by one of them, and by another one when that one goes.

use std::time::Duration;

use engine_ports::{RunStore as _, Term};
use engine_runtime::{AskError, Decided, Decision, Engine, Sharing};
use vocab::{Clock as _, RunId, RunStatus, TenantName, Value};

use crate::world::{BOTH, On, World};

const WAITS: &str = "steps:\n  a:\n    uses: test/make@v1\n    with: { act: then_wait }\n";
const WAITS_ONCE: &str = "steps:\n  a:\n    uses: test/plain@v1\n    with: { act: wait_once }\n";
const QUICK: Sharing = Sharing::Claims { lasts: Duration::from_secs(2) };
const SLOW: Sharing = Sharing::Claims { lasts: Duration::from_secs(3600) };

/// Two engines, the first with a run under way.
async fn two(on: On, sharing: Sharing, steps: &str) -> ([World; 2], [Engine; 2], RunId) {
    let mut world = World::new(on).await;
    world.sharing = sharing;
    let beside = world.beside();
    let (one, two) = (world.start().await, beside.start().await);
    let run = world.submit(&one, steps).await;
    world.sees("ran a 1").await;
    ([world, beside], [one, two], run)
}

async fn close([world, beside]: [World; 2], [one, two]: [Engine; 2]) {
    beside.close(two).await;
    world.close(one).await;
}

fn decided() -> Decided {
    Decided { by: "ada".to_owned(), reason: "it is late".to_owned() }
}

#[tokio::test]
async fn a_run_is_cancelled_through_a_process_that_does_not_drive_it() {
    for on in BOTH {
        let (worlds, engines, run) = two(on, SLOW, WAITS).await;
        let tenant = TenantName::default_tenant();
        engines[1].cancel(&tenant, run, "ada", None).await.unwrap();
        // It is durable when the answer is there.
        assert!(worlds[0].events(run).await.contains(&"cancel_requested".to_owned()));
        let row = worlds[1].end(&engines[1], run).await;
        assert_eq!(row.status, RunStatus::Cancelled);
        assert_eq!(worlds[0].outside.things(), Vec::<String>::new());
        assert_eq!(worlds[0].step(run, "a").await.attempts, 1, "nobody took it over");
        close(worlds, engines).await;
    }
}

#[tokio::test]
async fn a_refusal_comes_back_as_what_it_is() {
    let (worlds, engines, run) = two(On::Memory, SLOW, WAITS).await;
    let tenant = TenantName::default_tenant();
    let no_step = Decision::SkipStep("b".parse().unwrap());
    let refused = engines[1].decide(&tenant, run, no_step.clone(), decided()).await.unwrap_err();
    let same = engines[0].decide(&tenant, run, no_step, decided()).await.unwrap_err();
    assert!(matches!(refused, AskError::Refused(_)), "{refused}");
    assert_eq!(refused.to_string(), same.to_string());
    let not_awaited = engines[1].signal(&tenant, run, "ready", Value::Null, "ada").await.unwrap_err();
    assert!(matches!(not_awaited, AskError::NotAwaited(_)), "{not_awaited}");
    let early = engines[1].retry_undo(&tenant, run, "ada").await.unwrap_err();
    assert!(matches!(early, AskError::TooLate(_)), "{early}");
    engines[0].cancel(&tenant, run, "ada", None).await.unwrap();
    close(worlds, engines).await;
}

#[tokio::test]
async fn what_a_process_drove_that_ends_in_order_goes_on_at_once() {
    for on in BOTH {
        let (worlds, [one, two], run) = two(on, SLOW, WAITS_ONCE).await;
        // The second one looks once in 720 s; this one at its start.
        one.shutdown().await;
        drop(one);
        let third = worlds[1].beside();
        let engine = third.start().await;
        let row = third.end(&engine, run).await;
        assert_eq!(row.status, RunStatus::Succeeded, "{:?}", row.error);
        assert_eq!(third.step(run, "a").await.attempts, 2);
        third.close(engine).await;
        let [world, beside] = worlds;
        beside.close(two).await;
        drop(world);
    }
}

#[tokio::test]
async fn what_a_process_drove_that_died_goes_on_when_its_claims_are_over() {
    for on in BOTH {
        let (worlds, [one, two], run) = two(on, QUICK, WAITS).await;
        worlds[0].store.die();
        drop(one);
        let tenant = TenantName::default_tenant();
        // Asked at once, it waits until somebody drives the run.
        two.cancel(&tenant, run, "ada", None).await.unwrap();
        let row = worlds[1].end(&two, run).await;
        assert_eq!(row.status, RunStatus::Cancelled);
        assert_eq!(worlds[1].outside.things(), Vec::<String>::new());
        let [world, beside] = worlds;
        beside.close(two).await;
        drop(world);
    }
}

#[tokio::test]
async fn a_process_that_cannot_renew_stops_before_anybody_takes_over() {
    let (worlds, engines, run) = two(On::Memory, QUICK, WAITS_ONCE).await;
    // From now on the first engine's store does not answer.
    worlds[0].store.hold_after(0);
    let row = worlds[1].end(&engines[1], run).await;
    assert_eq!(row.status, RunStatus::Succeeded, "{:?}", row.error);
    assert_eq!(worlds[0].outside.events(), ["ran a 1", "stopped a 1", "ran a 2"]);
    worlds[0].store.let_go();
    close(worlds, engines).await;
}

#[tokio::test]
async fn a_called_run_that_another_process_drives_tells_its_caller() {
    let mut world = World::new(On::Memory).await;
    world.sharing = QUICK;
    let beside = world.beside();
    let (one, two) = (world.start().await, beside.start().await);
    let caller = "steps:\n  call:\n    uses: test/call@v1\n    with: { workflow: inner }\n";
    let mut submission = world.submission(caller);
    submission.workflows = vec![world.workflow("inner", WAITS_ONCE)];
    let parent = one.submit(submission).await.unwrap();
    world.sees("ran a 1").await;
    let runs = world.store.unfinished().await.unwrap();
    let child = *runs.iter().find(|run| **run != parent).unwrap();
    // The first one loses the child, and nothing else.
    let worker = world.store.leases().await.unwrap()[0].worker;
    assert!(world.store.release_claim(worker, child).await.unwrap());
    let row = world.end(&one, parent).await;
    assert_eq!(row.status, RunStatus::Succeeded, "{:?}", row.error);
    assert_eq!(world.store.steps(child).await.unwrap()[0].attempts, 2);
    let released = world.effects(parent).await;
    assert!(released.iter().all(|effect| effect.state == vocab::EffectState::Released), "{released:?}");
    close([world, beside], [one, two]).await;
}

#[tokio::test]
async fn an_end_leaves_no_claim() {
    let (worlds, engines, run) = two(On::Memory, SLOW, WAITS).await;
    let tenant = TenantName::default_tenant();
    engines[0].cancel(&tenant, run, "ada", None).await.unwrap();
    worlds[0].end(&engines[0], run).await;
    let stranger = vocab::WorkerId::from(uuid::Uuid::nil());
    let term = Term { now: worlds[0].clock.now(), lasts: Duration::from_secs(1) };
    for _ in 0..500 {
        if worlds[0].store.claim_run(stranger, term, run).await.unwrap() {
            return close(worlds, engines).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the claim of a run that is over stays");
}
