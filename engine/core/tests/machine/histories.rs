//! Recorded histories replay for ever: whatever was once written in a run's history keeps its meaning.
//!
//! `UPDATE=1 cargo test -p engine-core histories` records the scenarios that have no file yet. A file that is there is
//! never written again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_core::plan::Plan;
use engine_core::run::{Event, RunState};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use vocab::{Compensation, EffectState, RunStatus, StepStatus, Timestamp};

use crate::common::driver::Driver;
use crate::common::faults::Crash;
use crate::common::plans;
use crate::common::trouble::Schedule;
use crate::take_over;

/// A file in `histories/`.
#[derive(Debug, Serialize, Deserialize)]
struct History {
    plan: Plan,
    events: Vec<Entry>,
    expected: Expected,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    at: Timestamp,
    kind: String,
    v: u32,
    payload: Json,
}

/// Where the run is after its last event.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Expected {
    status: RunStatus,
    compensation: Compensation,
    error: Option<String>,
    steps: Vec<(String, StepStatus, u32)>,
    effects: Vec<(String, EffectState)>,
}

/// What a recorded history must show: a name, and the kinds of events that have to be in it.
const SCENARIOS: [(&str, &[&str]); 17] = [
    ("success", &["attempt_succeeded", "retry_due", "effects_released", "finally_started"]),
    ("expansion", &["step_expanded", "step_skipped", "step_not_reached"]),
    (
        "unwinding",
        &["unwinding_started", "undo_failed", "effect_undone", "effect_superseded", "finally_started"],
    ),
    ("stuck_then_repaired", &["effect_stuck", "undo_requested", "effect_undone"]),
    ("lost_and_probed", &["attempt_lost", "effect_uncertain", "effect_absent", "retry_due"]),
    ("cancelled", &["cancel_requested", "attempt_cancelled", "step_cancelled", "unwinding_started"]),
    ("deadline", &["deadline_passed", "step_cancelled", "unwinding_started"]),
    ("paused_and_decided", &["step_paused", "step_retried", "step_bypassed", "step_skipped"]),
    ("held", &["run_paused", "run_resumed"]),
    ("fail_fast", &["step_expanded", "step_cancelled", "step_failed", "body_finished"]),
    ("waits", &["step_waiting", "voted", "wait_ended", "wait_failed"]),
    ("child_taken_back", &["child_bound", "unwinding_started", "effect_undone"]),
    ("held_and_let_go", &["hold_ended", "effects_released", "effect_undone"]),
    ("uncertain_adopted", &["effect_made", "effect_uncertain", "effect_superseded", "body_finished"]),
    ("admitted", &["run_admitted", "attempt_succeeded", "finally_started"]),
    ("taken_over", &["step_taken_over", "step_expanded", "attempt_started", "body_finished"]),
    // With the key under which the cache was asked.
    ("cached", &["attempt_succeeded", "step_ready", "finally_started"]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("histories")
}

fn expected(state: &RunState) -> Expected {
    Expected {
        status: state.status(),
        compensation: state.compensation(),
        error: state.error().map(str::to_owned),
        steps: state.steps().map(|step| (step.path.to_string(), step.status, step.attempts)).collect(),
        effects: state.effects().map(|effect| (effect.id.to_string(), effect.state)).collect(),
    }
}

/// The first drawn run, from a seed on, in whose history every kind occurs.
fn record(from: u64, kinds: &[&str]) -> History {
    let shows =
        |driver: &Driver| kinds.iter().all(|wanted| driver.log.iter().any(|(_, kind, ..)| kind == wanted));
    let driver = (from..from + 20_000)
        .filter_map(|seed| {
            let mut driver = Driver::new(seed, Arc::new(plans::drawn(seed, 8)), Crash::Never);
            driver.check_decisions = false;
            let driver = driver.run();
            let continues = kinds.contains(&"step_taken_over");
            if continues { take_over::next(&driver, Crash::Never, Schedule::Calm) } else { Some(driver) }
        })
        .find(shows)
        .unwrap_or_else(|| panic!("no drawn run shows {kinds:?}"));
    let entry = |(at, kind, v, payload): &(Timestamp, &'static str, u32, Json)| Entry {
        at: *at,
        kind: (*kind).to_owned(),
        v: *v,
        payload: payload.clone(),
    };
    History {
        plan: (*driver.plan).clone(),
        events: driver.log.iter().map(entry).collect(),
        expected: expected(&driver.state),
    }
}

#[test]
fn every_recorded_history_replays_to_its_recorded_end() {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not a setting")]
    let update = std::env::var("UPDATE").is_ok();
    for ((name, kinds), from) in SCENARIOS.into_iter().zip((0..).step_by(1_000)) {
        let file = folder().join(format!("{name}.json"));
        if update && !file.exists() {
            let json = serde_json::to_string_pretty(&record(from, kinds)).unwrap();
            std::fs::write(&file, json + "\n").unwrap();
        }
        assert!(file.exists(), "{} is missing: record it with UPDATE=1", file.display());
    }
    let mut replayed = 0;
    for file in std::fs::read_dir(folder()).unwrap() {
        let file = file.unwrap().path();
        let name = file.display();
        let history: History = serde_json::from_str(&std::fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut state = RunState::new(Arc::new(history.plan));
        for (entry, seq) in history.events.into_iter().zip(1..) {
            let event = Event::from_parts(&entry.kind, entry.v, entry.payload)
                .unwrap_or_else(|error| panic!("{name}, event {seq}: {error}"));
            state.apply(seq, entry.at, &event).unwrap_or_else(|error| panic!("{name}, event {seq}: {error}"));
        }
        assert_eq!(expected(&state), history.expected, "{name}");
        assert!(
            state.decide(Timestamp::from_millis(i64::MAX)).events.is_empty(),
            "{name}: something is left"
        );
        replayed += 1;
    }
    assert!(replayed >= SCENARIOS.len());
}
