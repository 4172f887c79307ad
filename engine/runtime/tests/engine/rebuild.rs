//! Rows are made again from events, and are the same.

use engine_ports::{Projection, RunStore as _};
use engine_runtime::rebuild;
use vocab::{RunStatus, StepStatus};

use crate::effects::{MAKE, MAKE_AND_FAIL};
use crate::world::{BOTH, World};

#[tokio::test]
async fn rows_that_say_something_else_than_the_events_are_told_and_mended() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        for steps in [MAKE, MAKE_AND_FAIL] {
            let run = world.run(&engine, steps).await.id;
            let store = world.whole();
            assert_eq!(rebuild(&store, run, false).await.unwrap(), []);
            let right = Projection {
                run: store.run_any_tenant(run).await.unwrap().unwrap(),
                steps: store.steps(run).await.unwrap(),
                effects: store.effects(run).await.unwrap(),
            };
            let mut wrong = right.clone();
            (wrong.run.status, wrong.run.seq, wrong.run.workflow) = (RunStatus::Running, 1, "x".to_owned());
            wrong.steps[0].status = StepStatus::Skipped;
            wrong.steps[0].attempts = 9;
            let gone = wrong.steps.pop().unwrap();
            wrong.effects.truncate(1);
            world.store.reproject(wrong.clone()).await.unwrap();

            let told = rebuild(&store, run, false).await.unwrap();
            let places: Vec<_> =
                told.iter().map(|found| (found.row.as_str(), found.field.as_str())).collect();
            let first = format!("step {}", right.steps[0].path);
            let missing = format!("step {}", gone.path);
            for place in [
                ("run", "status"),
                ("run", "seq"),
                ("run", "workflow"),
                (first.as_str(), "attempts"),
                (missing.as_str(), "row"),
            ] {
                assert!(places.contains(&place), "{place:?} is not among {places:?}");
            }
            assert_eq!(store.steps(run).await.unwrap(), wrong.steps, "a look changes nothing");

            assert_eq!(rebuild(&store, run, true).await.unwrap(), told);
            assert_eq!(rebuild(&store, run, false).await.unwrap(), []);
            assert_eq!(store.run_any_tenant(run).await.unwrap().unwrap(), right.run);
            assert_eq!(store.steps(run).await.unwrap(), right.steps);
            assert_eq!(store.effects(run).await.unwrap(), right.effects);
        }
        world.close(engine).await;
    }
}
