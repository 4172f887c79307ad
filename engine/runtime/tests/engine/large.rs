//! Values that are large for a row lie in the content store, and nobody who reads them notices.

use engine_ports::{HoldOwner, RunStore as _, StoreError};
use vocab::{Outputs, RunStatus, Value};

use crate::world::{BOTH, On, World};

/// `a` gives 120,000 bytes, and `b` takes them.
const CHAIN: &str = "steps:
  a:
    uses: test/pure@v1
    with: { act: large }
  b:
    uses: test/plain@v1
    with: { after: '${{ steps.a.outputs.note }}' }
outputs:
  note: ${{ steps.a.outputs.note }}
";

fn note(outputs: &Outputs) -> usize {
    outputs.get("note").and_then(Value::as_str).map_or(0, str::len)
}

#[tokio::test]
async fn rows_stay_small_and_values_are_whole() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let row = world.run(&engine, CHAIN).await;
        assert_eq!((row.status, note(&row.outputs)), (RunStatus::Succeeded, 120_000));
        for event in world.store.events(row.id, 0, 1000).await.unwrap() {
            assert!(event.payload.to_string().len() < 65_536, "{}", event.kind);
        }
        let stored = world.step(row.id, "a").await.outputs;
        let lies = stored["$content"].as_artifact().unwrap();
        assert!(world.artifacts.owners(&lies.digest).contains(&HoldOwner::Run(row.id)));
        let steps = world.whole().steps(row.id).await.unwrap();
        assert_eq!(note(&steps[0].outputs), 120_000);
        // The cache gives it whole, and both keep it.
        let second = world.run(&engine, CHAIN).await;
        assert_eq!((second.status, note(&second.outputs)), (RunStatus::Succeeded, 120_000));
        assert!(world.step(second.id, "a").await.cached);
        let owners = world.artifacts.owners(&lies.digest);
        assert!(owners.contains(&HoldOwner::Run(second.id)), "{owners:?}");
        assert!(owners.iter().any(|owner| matches!(owner, HoldOwner::Memo(_))), "{owners:?}");
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_run_is_read_back_with_its_large_values() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let waits = CHAIN.replace("with: { after", "with: { act: wait_once, after");
    let run = world.submit(&engine, &waits).await;
    world.sees("ran b 1").await;
    engine.shutdown().await;
    drop(engine);
    let engine = world.start().await;
    let row = world.end(&engine, run).await;
    assert_eq!((row.status, note(&row.outputs)), (RunStatus::Succeeded, 120_000));
    world.close(engine).await;
}

#[tokio::test]
async fn a_page_of_large_events_is_short_and_never_empty() {
    let mut world = World::new(On::Sqlite).await;
    world.limits.run_steps = 200;
    let engine = world.start().await;
    let each = CHAIN.replace(
        "    uses: test/plain@v1\n",
        &format!("    uses: test/plain@v1\n    for_each: {:?}\n", (0..60).collect::<Vec<_>>()),
    );
    let row = world.run(&engine, &each).await;
    assert_eq!(row.status, RunStatus::Succeeded);
    let whole = world.whole();
    let (mut after, mut pages) = (0, 0);
    while after < row.seq {
        let page = whole.events(row.id, after, 1000).await.unwrap();
        assert_eq!(page.first().map(|event| event.seq), Some(after + 1));
        after += page.len() as u64;
        pages += 1;
    }
    assert!((2..10).contains(&pages), "{pages} pages");
    world.close(engine).await;
}

#[tokio::test]
async fn a_lost_value_is_a_damaged_row_and_not_an_empty_one() {
    let world = World::new(On::Memory).await;
    let engine = world.start().await;
    let row = world.run(&engine, CHAIN).await;
    world.artifacts.lose_all();
    let read = world.whole().steps(row.id).await;
    assert!(
        matches!(&read, Err(StoreError::Damaged { row, reason }) if row.ends_with("/a") && reason.contains("sha256:")),
        "{read:?}"
    );
    world.close(engine).await;
}
