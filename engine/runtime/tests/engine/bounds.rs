//! What is too large is refused, and while there is no space nothing new starts, with a visible reason.

use std::time::Duration;

use engine_ports::RunStore as _;
use engine_runtime::SubmitError;
use serde_json::json;
use vocab::{Inputs, RunStatus, StepStatus};

use crate::world::{On, World};

const ONE: &str = "steps:\n  a:\n    uses: test/plain@v1\n";

#[tokio::test]
async fn too_little_space_pauses_dispatch_and_says_why() {
    let mut world = World::new(On::Sqlite).await;
    world.limits.data_bytes = 1;
    let engine = world.start().await;
    let run = world.submit(&engine, ONE).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.step(run, "a").await.status, StepStatus::Ready);
    assert!(world.outside.events().is_empty());
    let status = engine.status();
    assert!(status.slots.paused.unwrap().contains("limits.data_bytes"));
    assert_eq!(status.slots.waiting, 1);
    engine.shutdown().await;
    drop(engine);
    world.limits.data_bytes = u64::MAX;
    let engine = world.start().await;
    assert_eq!(world.end(&engine, run).await.status, RunStatus::Succeeded);
    world.close(engine).await;
}

#[tokio::test]
async fn a_work_folder_that_grows_too_large_stops_its_attempt() {
    let mut world = World::new(On::Memory).await;
    world.limits.work_bytes = 1 << 20;
    let engine = world.start().await;
    let row = world.run(&engine, "steps:\n  a:\n    uses: test/plain@v1\n    with: { act: fill }\n").await;
    assert_eq!(row.status, RunStatus::Failed);
    let error = world.step(row.id, "a").await.error.unwrap();
    assert!(error["message"].as_str().unwrap().contains("limits.work_bytes"), "{error}");
    assert!(world.store.leases().await.unwrap().is_empty());
    world.close(engine).await;
}

#[tokio::test]
async fn inputs_and_triggers_that_fit_no_event_start_no_run() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let steps = "inputs:\n  text: { type: string, default: \"\" }\nsteps:\n  a:\n    uses: test/plain@v1\n    with: { act: '${{ inputs.text }}' }\n";
    let large = "x".repeat(100_000);
    let mut inputs = world.submission(steps);
    inputs.inputs = Inputs::from([("text".to_owned(), large.as_str().into())]);
    let mut trigger = world.submission(steps);
    trigger.trigger = json!({ "kind": "manual", "actor": large });
    for (submission, of) in [(inputs, "inputs"), (trigger, "what starts it")] {
        let refused = engine.submit(submission).await.unwrap_err();
        assert!(
            matches!(refused, SubmitError::TooLarge { bytes: 100_001.., limit: 65_536, .. }),
            "{refused:?}"
        );
        let text = refused.to_string();
        assert!(text.contains("`limits.event_bytes`") && text.contains(of), "{text}");
    }
    assert_eq!(world.store.writes(), 0);
    world.close(engine).await;
}
