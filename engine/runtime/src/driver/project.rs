//! Rows that are made from the state. Pure.

use engine_core::run::{EffectView, RunState, StepView};
use engine_ports::{EffectKey, EffectRecord, RunRow, StepRow};
use serde_json::json;
use vocab::RunId;

/// The run's row after its events; `before` gives what no event changes.
pub(super) fn run_row(state: &RunState, before: &RunRow) -> RunRow {
    RunRow {
        status: state.status(),
        compensation: state.compensation(),
        outputs: state.outputs().cloned().unwrap_or_default(),
        error: state.error().map(str::to_owned),
        created_at: state.created_at().unwrap_or(before.created_at),
        finished_at: state.finished_at(),
        seq: state.seq(),
        ..before.clone()
    }
}

/// The row of a step instance.
pub(super) fn step_row(run: RunId, step: &StepView<'_>) -> StepRow {
    StepRow {
        run,
        path: step.path.clone(),
        position: step.position,
        action: step.action.to_string(),
        status: step.status,
        attempts: step.attempts,
        cached: step.cached.is_some() || step.taken_over.is_some(),
        outputs: step.outputs.clone(),
        error: step.error.map(|error| json!(error)),
        ready_at: step.ready_at,
        started_at: step.started_at,
        finished_at: step.finished_at,
    }
}

/// The record of an effect: enough for any process to undo it.
pub(super) fn effect_record(run: RunId, effect: &EffectView<'_>) -> EffectRecord {
    EffectRecord {
        key: EffectKey { run, path: effect.id.path.clone(), name: effect.id.name.clone() },
        action: effect.action.clone(),
        intent: effect.intent.clone(),
        handle: effect.handle.cloned(),
        state: effect.state,
        attempt: effect.attempt,
        seq: effect.seq,
    }
}
