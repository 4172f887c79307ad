//! An attempt that lost its lease changes nothing any more.

use std::time::Duration;

use engine_ports::RunStore as _;
use engine_runtime::Sharing;
use vocab::RunStatus;

use crate::world::{BOTH, On, World};

/// Two engines on one store: the second takes over while the first still executes attempt 1 and believes in its claim.
async fn taken_over(steps: &str, late: &str) {
    for on in BOTH {
        let mut world = World::new(on).await;
        world.sharing = Sharing::Claims { lasts: Duration::from_secs(3600) };
        let slow = world.start().await;
        let run = world.submit(&slow, steps).await;
        world.sees("ran a 1").await;
        world.clock.set_by(2 * 3_600_000);
        let beside = world.beside();
        let fresh = beside.start().await;
        let row = world.end(&fresh, run).await;
        assert_eq!(row.status, RunStatus::Succeeded, "{:?}", row.error);
        let before = world.store.events(run, 0, 1000).await.unwrap();
        world.outside.note("go".to_owned());
        world.sees(late).await;
        slow.shutdown().await;
        assert_eq!(
            world.store.events(run, 0, 1000).await.unwrap(),
            before,
            "the late attempt changed the run"
        );
        assert_eq!(world.step(run, "a").await.attempts, 2);
        drop(slow);
        beside.close(fresh).await;
    }
}

#[tokio::test]
async fn a_stale_worker_cannot_report() {
    taken_over("steps:\n  a:\n    uses: test/plain@v1\n    with: { act: late }\n", "reports late").await;
}

#[tokio::test]
async fn a_stale_worker_cannot_begin_an_effect() {
    taken_over("steps:\n  a:\n    uses: test/make@v1\n    with: { act: late }\n", "begin refused: true")
        .await;
}

#[tokio::test]
async fn an_attempt_whose_lease_is_gone_is_stopped_by_the_next_renewal() {
    let world = World::new(On::Sqlite).await;
    let slow = world.start().await;
    let steps = "steps:\n  a:\n    uses: test/plain@v1\n    with: { act: wait_once }\n";
    let run = world.submit(&slow, steps).await;
    world.sees("ran a 1").await;
    let fresh = world.start().await;
    assert_eq!(world.end(&fresh, run).await.status, RunStatus::Succeeded);
    let before = world.store.events(run, 0, 1000).await.unwrap();
    assert_eq!(slow.status().slots.taken, 1, "it does not know yet");
    // Leases are renewed every ten seconds.
    for _ in 0..300 {
        if slow.status().slots.taken == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(slow.status().slots.taken, 0, "it goes on without a lease");
    slow.shutdown().await;
    assert_eq!(world.store.events(run, 0, 1000).await.unwrap(), before, "the late attempt changed the run");
    drop(slow);
    world.close(fresh).await;
}
