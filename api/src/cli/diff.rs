//! `runs diff A B`: two runs beside each other, for people.

use serde_json::Value as Json;
use vocab::RunId;

use super::Failure;
use super::client::Server;
use super::runs::Common;
use super::setup::Setup;
use crate::model::{Change, RunDiff, RunSide, StepDiff, StepSide};
use crate::ui::{Output, Tone, Ui, took};

/// Characters of a value in a line; `--output json` has all of it.
const MOST: usize = 48;

pub(super) async fn diff(a: RunId, b: RunId, common: &Common, setup: &Setup) -> Result<(), Failure> {
    let server = Server::find(&common.server, setup)?;
    let diff: RunDiff = server.get(&format!("/api/v1/runs/{a}/diff/{b}")).await?;
    if common.output == Output::Json {
        setup.ui.json(&diff);
    } else {
        print(&diff, setup.ui);
    }
    Ok(())
}

fn print(diff: &RunDiff, ui: Ui) {
    let head = |name: &str, side: &RunSide| {
        let RunSide { id, workflow, status, duration_ms, created_at, .. } = side;
        vec![
            name.to_owned(),
            id.to_string(),
            workflow.clone(),
            status.to_string(),
            took(*duration_ms),
            created_at.clone(),
        ]
    };
    let title = ["", "RUN", "WORKFLOW", "STATUS", "TOOK", "STARTED"].map(str::to_owned).to_vec();
    ui.table(&[title, head("A", &diff.a), head("B", &diff.b)]);
    ui.line("");
    if diff.run.is_empty() {
        ui.line("Workflow, commit, inputs and outcome are the same.");
    } else {
        let mut rows = vec![["CHANGED", "A", "B"].map(str::to_owned).to_vec()];
        rows.extend(diff.run.iter().map(|change| row(&change.what, change)));
        ui.table(&rows);
    }
    ui.line("");
    let mut rows = vec![["STEP", "A", "B", "TOOK A", "TOOK B", "CHANGED"].map(str::to_owned).to_vec()];
    rows.extend(diff.steps.iter().map(|step| {
        let time = |side: Option<&StepSide>| side.map_or_else(String::new, |side| took(side.duration_ms));
        vec![
            step.step.clone(),
            word(step.a.as_ref()),
            word(step.b.as_ref()),
            time(step.a.as_ref()),
            time(step.b.as_ref()),
            changed(step),
        ]
    }));
    ui.table(&rows);
    for step in diff.steps.iter().filter(|step| step.differs() || step.cache.is_some()) {
        details(step, ui);
    }
}

fn details(step: &StepDiff, ui: Ui) {
    ui.line("");
    ui.line(ui.paint(Tone::Strong, &step.step));
    if let Some(cache) = &step.cache {
        ui.line(format!("  {cache}"));
    }
    let kinds = [("workflow", &step.definition), ("input", &step.inputs), ("output", &step.outputs)];
    for (kind, change) in kinds.iter().flat_map(|(kind, changes)| changes.iter().map(move |one| (kind, one)))
    {
        let Change { what, a, b } = change;
        ui.line(format!("  {kind} {what}: {} → {}", short(a), short(b)));
    }
}

fn row(what: &str, change: &Change) -> Vec<String> {
    vec![what.to_owned(), short(&change.a), short(&change.b)]
}

/// How a step ended, and whether somebody else computed it.
fn word(side: Option<&StepSide>) -> String {
    match side {
        None => "-".to_owned(),
        Some(side) if side.computed_by.is_some() => format!("{} (not computed)", side.status),
        Some(side) => side.status.to_string(),
    }
}

/// Which parts of a step differ.
fn changed(step: &StepDiff) -> String {
    match (&step.a, &step.b) {
        (None, _) => return "only in B".to_owned(),
        (_, None) => return "only in A".to_owned(),
        (Some(a), Some(b)) if a.status != b.status && !step.differs_within() => return "status".to_owned(),
        _ => {}
    }
    let names = |kind: &str, changes: &[Change]| {
        let names: Vec<_> = changes.iter().map(|change| change.what.as_str()).collect();
        (!names.is_empty()).then(|| format!("{kind} {}", names.join(", ")))
    };
    let kinds =
        [names("workflow", &step.definition), names("input", &step.inputs), names("output", &step.outputs)];
    kinds.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// A value in a line: artifacts by kind and digest, secrets by name alone.
fn short(value: &Json) -> String {
    let text = match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => text.clone(),
        Json::Object(parts) => match (parts.get("$artifact"), parts.get("digest"), parts.get("$secret")) {
            (Some(kind), Some(digest), _) => {
                let (kind, digest) = (kind.as_str().unwrap_or_default(), digest.as_str().unwrap_or_default());
                format!("{kind} {}", digest.chars().take(19).collect::<String>())
            }
            (_, _, Some(name)) => format!("secret {}", name.as_str().unwrap_or_default()),
            _ => value.to_string(),
        },
        other => other.to_string(),
    };
    let line = text.replace('\n', "⏎");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_told_in_a_line() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (value, expected) in [
            (json!(null), "-".to_owned()),
            (json!("two\nlines"), "two⏎lines".to_owned()),
            (
                json!({ "$artifact": "tree", "digest": digest, "size": 1 }),
                "tree sha256:aaaaaaaaaaaa".to_owned(),
            ),
            (json!({ "$secret": "deploy" }), "secret deploy".to_owned()),
            (json!("ü".repeat(60)), format!("{}…", "ü".repeat(MOST))),
            (json!([1, 2]), "[1,2]".to_owned()),
        ] {
            assert_eq!(short(&value), expected);
        }
    }
}
