//! What actions make outside is kept when a run succeeds, and undone when it does not.

use engine_ports::RunStore as _;
use engine_runtime::LogName;
use futures::TryStreamExt as _;
use vocab::{Compensation, EffectState, RunStatus};

use crate::outside::SECRET;
use crate::world::{BOTH, On, World};

pub(crate) const MAKE_AND_FAIL: &str = "steps:
  a:
    uses: test/make@v1
  b:
    uses: test/make@v1
    needs: [a]
  c:
    uses: test/plain@v1
    needs: [b]
    with: { act: fail }
";
pub(crate) const MAKE: &str = "steps:
  a:
    uses: test/make@v1
  b:
    uses: test/make@v1
    needs: [a]
  c:
    uses: test/plain@v1
    needs: [b]
";

fn make(act: &str) -> String {
    format!(
        "steps:
  a:
    uses: test/make@v1
    with: {{ act: {act} }}
    retry: {{ attempts: 3, backoff: {{ initial: 10ms }} }}
"
    )
}

#[tokio::test]
async fn effects_of_a_failed_run_are_undone_in_reverse_order() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let row = world.run(&engine, MAKE_AND_FAIL).await;
        assert_eq!((row.status, row.compensation), (RunStatus::Failed, Compensation::Complete));
        assert_eq!(
            world.outside.events(),
            ["ran a 1", "made a", "ran b 1", "made b", "ran c 1", "unmade b", "unmade a"]
        );
        let states: Vec<_> = world.effects(row.id).await.iter().map(|effect| effect.state).collect();
        assert_eq!(states, [EffectState::Undone, EffectState::Undone]);
        let name = LogName::Undo { run: row.id, path: "b".parse().unwrap(), effect: "thing".into() };
        let log: Vec<_> = engine.logs().follow(name, 0).try_collect().await.unwrap();
        assert!(log.iter().any(|line| line.entry.text.starts_with("undo `")), "{log:?}");
        world.close(engine).await;
    }
}

#[tokio::test]
async fn effects_of_a_successful_run_stay() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let row = world.run(&engine, MAKE).await;
    assert_eq!((row.status, row.compensation), (RunStatus::Succeeded, Compensation::NotNeeded));
    assert_eq!(world.outside.things(), ["a", "b"]);
    assert!(world.effects(row.id).await.iter().all(|effect| effect.state == EffectState::Released));
    world.close(engine).await;
}

#[tokio::test]
async fn an_effect_is_durable_as_intent_before_it_exists() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let row = world.run(&engine, MAKE).await;
    let events = world.events(row.id).await;
    let kinds: Vec<_> =
        events.iter().filter(|kind| kind.starts_with("effect_")).map(String::as_str).collect();
    assert_eq!(kinds, ["effect_intended", "effect_made", "effect_intended", "effect_made"]);
    world.close(engine).await;
}

#[tokio::test]
async fn the_next_attempt_adopts_what_an_earlier_one_made_without_saying_so() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let row = world.run(&engine, &make("vanish")).await;
        assert_eq!(row.status, RunStatus::Succeeded, "{:?}", row.error);
        assert_eq!(world.outside.events(), ["ran a 1", "made a", "probed a", "ran a 2", "adopted \"a\""]);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn an_intent_that_came_to_nothing_is_begun_anew() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let row = world.run(&engine, &make("forget")).await;
    assert_eq!(row.status, RunStatus::Succeeded, "{:?}", row.error);
    assert_eq!(world.outside.events(), ["ran a 1", "probed a", "ran a 2", "made a"]);
    world.close(engine).await;
}

#[tokio::test]
async fn what_cannot_be_undone_is_stuck_and_can_be_tried_again() {
    let mut world = World::new(On::Sqlite).await;
    world.limits.undo_attempts = 1;
    let engine = world.start().await;
    let steps = "steps:
  a:
    uses: test/make@v1
    with: { act: sticky }
  b:
    uses: test/plain@v1
    needs: [a]
    with: { act: fail }
";
    let row = world.run(&engine, steps).await;
    assert_eq!((row.status, row.compensation), (RunStatus::Failed, Compensation::Stuck));
    assert_eq!(world.effects(row.id).await[0].state, EffectState::Stuck);
    assert_eq!(engine.retry_undo(&row.tenant, row.id, "somebody").await.unwrap(), 1);
    while world.outside.count("could not unmake a") < 2
        || world.effects(row.id).await[0].state != EffectState::Stuck
    {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    world.close(engine).await;
}

#[tokio::test]
async fn what_a_probe_or_an_undo_found_is_bounded_in_the_history() {
    let steps = |act: &str| {
        let fail = "  b:\n    uses: test/plain@v1\n    needs: [a]\n    with: { act: fail }\n";
        format!("{}{fail}", make(act))
    };
    for (act, state) in [("bloat", EffectState::Undone), ("moved", EffectState::Superseded)] {
        let world = World::new(On::Memory).await;
        let engine = world.start().await;
        let row = world.run(&engine, &steps(act)).await;
        assert_eq!((row.status, row.compensation), (RunStatus::Failed, Compensation::Complete), "{act}");
        assert_eq!(world.effects(row.id).await[0].state, state, "{act}");
        for event in world.store.events(row.id, 0, 1000).await.unwrap() {
            let bytes = event.payload.to_string().len();
            assert!(bytes <= 65_536, "{act}: {} takes {bytes} bytes", event.kind);
        }
        world.close(engine).await;
    }
}

#[tokio::test]
async fn what_is_tried_again_after_the_end_goes_on_by_itself_and_across_a_start() {
    let mut world = World::new(On::Sqlite).await;
    world.limits.undo_attempts = 3;
    let engine = world.start().await;
    let steps = "steps:
  a:
    uses: test/make@v1
    with: { act: stubborn }
  b:
    uses: test/plain@v1
    needs: [a]
    with: { act: fail }
";
    let row = world.run(&engine, steps).await;
    assert_eq!(row.compensation, Compensation::Stuck);
    assert_eq!(engine.retry_undo(&row.tenant, row.id, "somebody").await.unwrap(), 1);
    while world.outside.count("could not unmake a") < 4 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // It waits for its next try: the stop must not be its end.
    engine.shutdown().await;
    let engine = world.start().await;
    while world.effects(row.id).await[0].state != EffectState::Undone {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let row = world.store.run_any_tenant(row.id).await.unwrap().unwrap();
    assert_eq!(row.compensation, Compensation::Complete);
    world.close(engine).await;
}

#[tokio::test]
async fn what_is_stuck_is_tried_again_only_once_the_run_has_ended() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let submission = world.submission("steps:\n  a:\n    uses: test/plain@v1\n    with: { act: sleep }\n");
    let tenant = submission.tenant.clone();
    let run = engine.submit(submission).await.unwrap();
    let refused = engine.retry_undo(&tenant, run, "somebody").await.unwrap_err();
    assert!(refused.to_string().contains("has not ended"), "{refused}");
    assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    world.close(engine).await;
}

#[tokio::test]
async fn an_effect_that_was_never_declared_is_refused() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let row = world.run(&engine, &make("undeclared")).await;
    assert_eq!(row.status, RunStatus::Failed);
    let error = world.step(row.id, "a").await.error.unwrap();
    assert!(error["message"].as_str().unwrap().contains("declares no effect"), "{error}");
    world.close(engine).await;
}

#[tokio::test]
async fn effects_of_a_cancelled_attempt_are_undone() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let submission = world.submission(&make("then_wait"));
        let tenant = submission.tenant.clone();
        let run = engine.submit(submission).await.unwrap();
        world.sees("made a").await;
        engine.cancel(&tenant, run, "somebody", None).await.unwrap();
        let row = world.end(&engine, run).await;
        assert_eq!((row.status, row.compensation), (RunStatus::Cancelled, Compensation::Complete));
        assert!(world.outside.things().is_empty());
        world.close(engine).await;
    }
}

#[tokio::test]
async fn no_effect_is_written_down_with_a_secret_in_it() {
    for (place, events, states) in [
        ("intent", &["ran a 1"][..], &[][..]),
        // It was there already: it is found by its intent, and undone.
        ("handle", &["ran a 1", "made a", "probed a", "unmade a"], &[EffectState::Undone]),
    ] {
        let world = World::new(On::Sqlite).await;
        let engine = world.start().await;
        let row = world.run(&engine, &make(&format!("secret_in_{place}"))).await;
        assert_eq!(row.status, RunStatus::Failed);
        let error = world.step(row.id, "a").await.error.unwrap();
        let said = error["message"].as_str().unwrap();
        assert!(said.contains(place) && said.contains("`thing`"), "{error}");
        assert_eq!(error["class"], "permanent", "{error}");
        assert_eq!(world.outside.events(), events, "{place}");
        let effects = world.effects(row.id).await;
        assert_eq!(effects.iter().map(|effect| effect.state).collect::<Vec<_>>(), states);
        let history = world.store.events(row.id, 0, 10_000).await.unwrap();
        assert!(!format!("{effects:?} {history:?}").contains(SECRET), "{history:?}");
        world.close(engine).await;
    }
}
