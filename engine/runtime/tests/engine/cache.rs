//! Outputs are served from the cache only while everything about them holds.

use engine_ports::{ArtifactStore as _, HoldOwner, RunStore as _};
use engine_runtime::{Standing, Submission};
use serde_json::json;
use vocab::{Digest, RunStatus};

use crate::world::{BOTH, On, World};

fn pure(act: &str) -> String {
    format!("steps:\n  a:\n    uses: test/pure@v1\n    with: {{ act: {act} }}\n")
}

#[tokio::test]
async fn the_second_run_takes_the_outputs_of_the_first() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let first = world.run(&engine, &pure("x")).await;
        let second = world.run(&engine, &pure("x")).await;
        let (one, two) = (world.step(first.id, "a").await, world.step(second.id, "a").await);
        assert_eq!((one.cached, two.cached), (false, true));
        assert_eq!(one.outputs, two.outputs);
        assert_eq!(world.outside.count("ran a 1"), 1);
        let log = world.log(&engine, second.id, "a", 1).await;
        assert!(log[0].starts_with("cache: hit"), "{log:?}");
        // Both runs and the entry keep the artifact.
        let owners = world.artifacts.owners(&Digest::of("x"));
        assert!(owners.contains(&HoldOwner::Run(first.id)) && owners.contains(&HoldOwner::Run(second.id)));
        assert!(owners.iter().any(|owner| matches!(owner, HoldOwner::Memo(_))));
        // Other inputs are another matter.
        let third = world.run(&engine, &pure("y")).await;
        assert!(!world.step(third.id, "a").await.cached);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_hit_notes_the_use_of_its_entry_once_a_day() {
    const HOUR: i64 = 3_600_000;
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        world.run(&engine, &pure("x")).await;
        let owners = world.artifacts.owners(&Digest::of("x"));
        let key = owners.into_iter().find_map(|owner| match owner {
            HoldOwner::Memo(key) => Some(key),
            HoldOwner::Run(_) => None,
        });
        let key = key.unwrap();
        let made = world.store.memo(&key).await.unwrap().unwrap();
        let mut used = made.used;
        assert_eq!(used, made.at);
        for (hours, noted) in [(23, false), (1, true), (1, false), (22, false), (1, true)] {
            world.clock.set_by(hours * HOUR);
            let row = world.run(&engine, &pure("x")).await;
            assert!(world.step(row.id, "a").await.cached);
            let entry = world.store.memo(&key).await.unwrap().unwrap();
            assert_eq!(entry.used > used, noted, "{} {hours}", entry.used);
            used = entry.used;
        }
        world.close(engine).await;
    }
}

#[tokio::test]
async fn an_action_is_told_what_its_entry_is_kept_under() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let row = world.run(&engine, &pure("outside")).await;
    assert_eq!(row.status, RunStatus::Succeeded);
    assert_eq!(world.outside.count("reads what it saw"), 1);
    world.close(engine).await;
}

#[tokio::test]
async fn the_history_keeps_what_the_cache_was_asked_for() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let mut asked = Vec::new();
    for act in ["x", "x", "y", "unknown"] {
        let row = world.run(&engine, &pure(act)).await;
        let events = world.store.events(row.id, 0, 100).await.unwrap();
        let ended = events.into_iter().find(|event| event.kind == "attempt_succeeded").unwrap();
        asked.push(ended.payload["key"].clone());
    }
    assert_eq!(asked[0], asked[1]);
    assert_ne!(asked[1]["digest"], asked[2]["digest"]);
    assert_eq!(asked[2]["outside"], "nothing");
    assert_eq!(asked[3]["outside"]["unknown"], "nobody knows what it reads");
    world.close(engine).await;
}

#[tokio::test]
async fn the_same_entry_of_two_tenants_holds_its_artifact_twice() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    world.run(&engine, &pure("x")).await;
    let mut submission = world.submission(&pure("x"));
    submission.tenant = "other".parse().unwrap();
    let run = engine.submit(submission).await.unwrap();
    assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    assert_eq!(world.outside.count("ran a 1"), 2, "entries are never shared between tenants");
    let owners = world.artifacts.owners(&Digest::of("x"));
    let entries: Vec<_> = owners.iter().filter(|owner| matches!(owner, HoldOwner::Memo(_))).collect();
    assert_eq!(entries.len(), 2, "{owners:?}");
    // One tenant's entry goes: nothing of the other's does.
    world.artifacts.release(entries[0]).await.unwrap();
    assert!(world.artifacts.owners(&Digest::of("x")).contains(entries[1]));
    world.close(engine).await;
}

#[tokio::test]
async fn outputs_that_the_run_refuses_are_not_kept_for_a_cache_entry() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    // A required output may be null, but it must be there.
    let row = world.run(&engine, &pure("silent")).await;
    assert_eq!(row.status, RunStatus::Failed);
    let error = world.step(row.id, "a").await.error.unwrap();
    assert!(error["message"].as_str().unwrap().contains("`note` is missing"), "{error}");
    let owners = world.artifacts.owners(&Digest::of("silent"));
    assert_eq!(owners, [HoldOwner::Run(row.id)], "only what put it in holds it");
    world.close(engine).await;
}

#[tokio::test]
async fn the_bound_on_outputs_is_the_one_that_the_run_was_created_with() {
    let mut world = World::new(On::Sqlite).await;
    let usual = world.limits.clone();
    (world.limits.value_bytes, world.limits.data_bytes) = (120, 1);
    let engine = world.start().await;
    let run = world.submit(&engine, &pure("x")).await;
    engine.shutdown().await;
    drop(engine);
    world.limits = usual;
    let engine = world.start().await;
    assert_eq!(world.end(&engine, run).await.status, RunStatus::Failed);
    let error = world.step(run, "a").await.error.unwrap();
    assert!(error["message"].as_str().unwrap().contains("more than 120"), "{error}");
    let owners = world.artifacts.owners(&Digest::of("x"));
    assert_eq!(owners, [HoldOwner::Run(run)], "only what put it in holds it");
    world.close(engine).await;
}

#[tokio::test]
async fn a_hit_whose_artifact_is_gone_is_a_miss() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    world.run(&engine, &pure("x")).await;
    world.artifacts.lose_all();
    let second = world.run(&engine, &pure("x")).await;
    assert!(!world.step(second.id, "a").await.cached);
    assert_eq!(world.outside.count("ran a 1"), 2);
    let log = world.log(&engine, second.id, "a", 1).await;
    assert!(log[0].contains("is gone"), "{log:?}");
    // The useless entry made room for the new one.
    let third = world.run(&engine, &pure("x")).await;
    assert!(world.step(third.id, "a").await.cached);
    world.close(engine).await;
}

#[tokio::test]
async fn what_cannot_be_fingerprinted_is_not_served_to_a_schedule() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    world.run(&engine, &pure("unknown")).await;
    let served = world.run(&engine, &pure("unknown")).await;
    assert!(world.step(served.id, "a").await.cached);
    let mut submission = world.submission(&pure("unknown"));
    submission.trigger = json!({ "kind": "schedule" });
    let run = engine.submit(submission).await.unwrap();
    let row = world.end(&engine, run).await;
    assert_eq!(row.status, RunStatus::Succeeded);
    assert!(!world.step(run, "a").await.cached);
    assert_eq!(world.outside.count("ran a 1"), 2);
    world.close(engine).await;
}

#[tokio::test]
async fn a_step_that_says_never_is_never_served() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let steps = "steps:\n  a:\n    uses: test/pure@v1\n    cache: never\n";
    for _ in 0..2 {
        let row = world.run(&engine, steps).await;
        assert!(!world.step(row.id, "a").await.cached);
    }
    assert!(world.store.leases().await.unwrap().is_empty());
    world.close(engine).await;
}

#[tokio::test]
async fn a_protected_run_reads_nothing_that_another_part_of_the_cache_holds() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let run = async |act: &str, scope: Option<&str>| {
            let mut submission = world.submission(&pure(act));
            submission.cache_scope = scope.map(str::to_owned);
            // What the trigger says of it counts for nothing.
            submission.trigger = json!({ "kind": "push", "cache_scope": "pull/1" });
            let run = engine.submit(submission).await.unwrap();
            world.end(&engine, run).await;
            world.step(run, "a").await.cached
        };
        for (act, scope, cached) in [
            ("x", Some("pull/1"), false),
            ("x", Some("pull/1"), true),
            ("x", Some("pull/2"), false),
            ("x", None, false),
            ("x", None, true),
            ("y", None, false),
            ("y", Some("pull/3"), true),
        ] {
            assert_eq!(run(act, scope).await, cached, "{act} {scope:?}");
        }
        // A run that starts another one once more stays in its part.
        let pulled = world.submission(&pure("z"));
        let pulled =
            engine.submit(Submission { cache_scope: Some("pull/4".to_owned()), ..pulled }).await.unwrap();
        let row = world.end(&engine, pulled).await;
        let again = engine.retry(&row.tenant, pulled, "ada", None, Standing::default()).await.unwrap();
        world.end(&engine, again).await;
        assert!(!run("z", None).await, "it is in no part that others read");
        world.close(engine).await;
    }
}
