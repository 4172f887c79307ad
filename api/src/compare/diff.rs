//! The comparison of two runs. Pure.

use std::collections::{BTreeMap, BTreeSet};

use engine_core::plan::Plan;
use serde_json::{Map, Value as Json, json};
use vocab::{StepPath, Timestamp, Value};

use super::account::Account;
use super::why::{computed_by, why};
use crate::model::{Change, RunDiff, RunSide, StepDiff, StepSide, millis};

/// What differs between `a` and `b` at `now`.
pub(crate) fn diff(a: &Account, b: &Account, now: Timestamp) -> RunDiff {
    RunDiff { a: side(a, now), b: side(b, now), run: of_runs(a, b), steps: of_steps(a, b, now) }
}

fn side(of: &Account, now: Timestamp) -> RunSide {
    let row = &of.row;
    RunSide {
        id: row.id,
        workflow: row.workflow.clone(),
        plan: row.plan.to_string(),
        status: row.status,
        duration_ms: millis(Some(row.created_at), row.finished_at, now),
        created_at: row.created_at.to_string(),
    }
}

fn of_runs(a: &Account, b: &Account) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut compare = |what: &str, one: Json, other: Json| {
        if one != other {
            changes.push(Change { what: what.to_owned(), a: one, b: other });
        }
    };
    compare("workflow", json!(a.row.workflow), json!(b.row.workflow));
    if without_places(&json!(a.plan.spec())) != without_places(&json!(b.plan.spec())) {
        compare("plan", json!(a.row.plan), json!(b.row.plan));
    }
    for name in ["kind", "actor", "ref", "commit", "trust_host", "retry_of"] {
        compare(name, a.row.trigger[name].clone(), b.row.trigger[name].clone());
    }
    for Change { what, a, b } in of_values(&a.row.inputs, &b.row.inputs) {
        compare(&format!("input {what}"), a, b);
    }
    compare("status", json!(a.row.status), json!(b.row.status));
    compare("compensation", json!(a.row.compensation), json!(b.row.compensation));
    compare("error", json!(a.row.error), json!(b.row.error));
    for Change { what, a, b } in of_values(&a.row.outputs, &b.row.outputs) {
        compare(&format!("output {what}"), a, b);
    }
    changes
}

fn of_steps(a: &Account, b: &Account, now: Timestamp) -> Vec<StepDiff> {
    // In the order of the one that is asked about; what only the other has comes last.
    let known: BTreeSet<&StepPath> = b.steps.iter().map(|step| &step.path).collect();
    let gone = a.steps.iter().filter(|step| !known.contains(&step.path));
    let paths = b.steps.iter().chain(gone).map(|step| &step.path);
    paths.map(|path| of_step(path, a, b, now)).collect()
}

fn of_step(path: &StepPath, a: &Account, b: &Account, now: Timestamp) -> StepDiff {
    let inputs = |of: &Account| of.heard.get(path).and_then(|heard| heard.inputs.clone());
    let outputs = |of: &Account| {
        of.steps.iter().find(|step| step.path == *path).map(|step| step.outputs.clone()).unwrap_or_default()
    };
    // Inputs that nobody resolved are not known: that is no difference.
    let inputs = match (inputs(a), inputs(b)) {
        (Some(a), Some(b)) => of_values(&a, &b),
        _ => Vec::new(),
    };
    StepDiff {
        step: path.to_string(),
        a: step_side(path, a, now),
        b: step_side(path, b, now),
        definition: of_definitions(path, &a.plan, &b.plan),
        cache: why(path, a, b, &inputs),
        inputs,
        outputs: of_values(&outputs(a), &outputs(b)),
    }
}

fn step_side(path: &StepPath, of: &Account, now: Timestamp) -> Option<StepSide> {
    let row = of.steps.iter().find(|step| step.path == *path)?;
    let heard = of.heard.get(path);
    let key = heard.and_then(|heard| heard.key.as_ref());
    Some(StepSide {
        status: row.status,
        attempts: row.attempts,
        duration_ms: millis(row.started_at, row.finished_at, now),
        computed_by: computed_by(heard),
        cache_key: key.map(|key| key.digest.to_string()),
        outside: key.map(|key| json!(key.outside)),
    })
}

/// What the two workflows say about the step: nothing where one of them does not have it, which the sides show.
fn of_definitions(path: &StepPath, a: &Plan, b: &Plan) -> Vec<Change> {
    let definition = |plan: &Plan| {
        let step = plan.step(plan.position(path.root())?);
        let Json::Object(mut parts) = without_places(&json!(step)) else { return None };
        if let Some(Json::Object(with)) = parts.remove("inputs") {
            parts.extend(with.into_iter().map(|(name, value)| (format!("with.{name}"), value)));
        }
        Some(parts)
    };
    match (definition(a), definition(b)) {
        (Some(a), Some(b)) => of_parts(&a, &b),
        _ => Vec::new(),
    }
}

fn of_values(a: &BTreeMap<String, Value>, b: &BTreeMap<String, Value>) -> Vec<Change> {
    let json = |values: &BTreeMap<String, Value>| {
        values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
    };
    of_parts(&json(a), &json(b))
}

fn of_parts(a: &Map<String, Json>, b: &Map<String, Json>) -> Vec<Change> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let pick = |of: &Map<String, Json>, name: &str| of.get(name).cloned().unwrap_or_default();
    let changes = names.into_iter().filter(|name| a.get(*name) != b.get(*name));
    changes.map(|name| Change { what: name.clone(), a: pick(a, name), b: pick(b, name) }).collect()
}

/// A definition without the places in its file: a line that moved is no difference.
fn without_places(json: &Json) -> Json {
    match json {
        Json::Object(parts) => parts
            .iter()
            // Beside what an expression is. A tenant's value may be called that too.
            .filter(|(name, _)| *name != "span" || !parts.contains_key("kind"))
            .map(|(name, part)| (name.clone(), without_places(part)))
            .collect::<Map<_, _>>()
            .into(),
        Json::Array(parts) => parts.iter().map(without_places).collect(),
        other => other.clone(),
    }
}
