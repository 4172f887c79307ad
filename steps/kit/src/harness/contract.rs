//! The contract that every action keeps.

use std::time::Duration;

use engine_ports::{Action, ActionError, Presence, UndoOutcome};
use vocab::{EffectState, ErrorClass, Inputs, Outputs};

use super::world::filled;
use super::{Fault, Harness, manifest_problems};

/// How soon an attempt has to return once it is cancelled.
const SOON: Duration = Duration::from_secs(5);
/// Journal writes that a single execution may make.
const WRITES: usize = 64;

/// Holds `action` to its contract. `setup` makes a world and inputs with which the action succeeds, the same each
/// time it is called.
///
/// 1. The manifest keeps its rules, and an input that it does not name is refused.
/// 2. A second attempt under the same journal gives the same outputs and changes nothing.
/// 3. When the journal fails at any write, the next attempt (after a probe or without one) ends with the same
///    outputs, the same world and one record for each effect.
/// 4. Undo puts the world back as it was, twice as well as once.
/// 5. A cancelled attempt returns soon.
pub async fn check_contract(action: &dyn Action, setup: impl AsyncFn() -> (Harness, Inputs)) {
    assert_eq!(manifest_problems(action.manifest()), Vec::<String>::new());
    let (harness, inputs) = setup().await;
    refuses_unknown_inputs(action, &harness, inputs).await;

    let (harness, inputs) = setup().await;
    let before = harness.images.snapshot();
    let outputs = run(action, &harness, &inputs).await.expect("the action succeeds in the world of the test");
    let after = harness.images.snapshot();
    let again = run(action, &harness, &inputs).await.expect("a second attempt succeeds");
    assert_eq!(again, outputs, "a second attempt gives other outputs");
    assert_eq!(harness.images.snapshot(), after, "a second attempt changes the world");
    one_record_an_effect(&harness);
    undoes(action, &harness, &before).await;

    let (harness, inputs) = setup().await;
    run(action, &harness, &inputs).await.expect("the action succeeds again");
    let writes = harness.journal.writes();
    assert!(writes <= WRITES, "{writes} journal writes in one attempt");
    for fault in (0..writes).flat_map(|write| [Fault::Before(write), Fault::After(write)]) {
        for probed in [true, false] {
            let (harness, inputs) = setup().await;
            harness.journal.fail_at(fault);
            let failed = run(action, &harness, &inputs).await;
            assert!(failed.is_err() && harness.journal.has_failed(), "{fault:?} was not told: {failed:?}");
            if probed {
                recover(action, &harness).await;
            }
            let repeated = run(action, &harness, &inputs).await;
            assert_eq!(repeated.as_ref(), Ok(&outputs), "after {fault:?}, probed: {probed}");
            assert_eq!(harness.images.snapshot(), after, "after {fault:?}, probed: {probed}");
            one_record_an_effect(&harness);
            undoes(action, &harness, &before).await;
        }
    }
    stops(action, &setup).await;
}

/// Whether an undo leaves alone what somebody else changed. `meddle` does that change, after the action succeeded.
pub async fn check_superseded(
    action: &dyn Action,
    setup: impl AsyncFn() -> (Harness, Inputs),
    meddle: impl AsyncFn(&Harness),
) {
    let (harness, inputs) = setup().await;
    run(action, &harness, &inputs).await.expect("the action succeeds in the world of the test");
    meddle(&harness).await;
    let theirs = harness.images.snapshot();
    let outcomes = harness.compensate(action).await.expect("an undo that finds a change succeeds");
    assert!(
        outcomes.iter().any(|outcome| matches!(outcome, UndoOutcome::Superseded(_))),
        "nothing is superseded: {outcomes:?}"
    );
    assert_eq!(harness.images.snapshot(), theirs, "the undo changed what somebody else made");
}

async fn run(action: &dyn Action, harness: &Harness, inputs: &Inputs) -> Result<Outputs, ActionError> {
    harness.run(action, inputs.clone()).await
}

async fn refuses_unknown_inputs(action: &dyn Action, harness: &Harness, inputs: Inputs) {
    let mut inputs = filled(action, inputs);
    inputs.insert("no_such_input".to_owned(), true.into());
    let refused = action.execute(&harness.context(action), inputs).await;
    let class = refused.expect_err("an unknown input is refused").class;
    assert_eq!(class, ErrorClass::Permanent);
}

fn one_record_an_effect(harness: &Harness) {
    let records = harness.journal.records();
    let mut names: Vec<_> = records
        .iter()
        .filter(|record| record.state == EffectState::Made)
        .map(|record| record.key.name.as_str())
        .collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "an effect was made twice: {records:#?}");
    let open = records.iter().find(|record| record.state == EffectState::Intended);
    assert_eq!(open, None, "an effect is neither made nor absent");
}

/// What the engine does with open intents before the next attempt.
async fn recover(action: &dyn Action, harness: &Harness) {
    let open = harness.journal.records().into_iter().filter(|record| record.state == EffectState::Intended);
    for record in open {
        match action.probe(&harness.undo_context(), &record).await.expect("a probe succeeds") {
            Presence::Present(handle) => {
                harness.journal.conclude(record.seq, EffectState::Made, Some(handle));
            }
            Presence::Absent => harness.journal.conclude(record.seq, EffectState::Undone, None),
            Presence::Unknown => {
                action.compensate(&harness.undo_context(), &record).await.expect("an undo succeeds");
                harness.journal.conclude(record.seq, EffectState::Undone, None);
            }
        }
    }
}

async fn undoes(action: &dyn Action, harness: &Harness, before: &str) {
    let made: Vec<_> = harness.journal.records().into_iter().rev().collect();
    harness.compensate(action).await.expect("an undo succeeds");
    assert_eq!(harness.images.snapshot(), before, "the undo did not put the world back");
    for record in made.iter().filter(|record| record.state == EffectState::Made) {
        action.compensate(&harness.undo_context(), record).await.expect("a second undo succeeds");
    }
    assert_eq!(harness.images.snapshot(), before, "the second undo changed the world");
}

async fn stops(action: &dyn Action, setup: &impl AsyncFn() -> (Harness, Inputs)) {
    for after in [Duration::ZERO, Duration::from_millis(20)] {
        let (harness, inputs) = setup().await;
        let cancel = async {
            tokio::time::sleep(after).await;
            harness.cancel.cancel();
        };
        let attempt = tokio::time::timeout(SOON, run(action, &harness, &inputs));
        let (attempt, ()) = tokio::join!(attempt, cancel);
        assert!(attempt.is_ok(), "the action does not stop when it is cancelled");
    }
}
