//! A snapshot as a picture of a few lines: the graph from top to bottom, one line a step.

use vocab::{RunStatus, StepStatus};

use super::Snapshot;
use super::changes::{effect_line, tone, why};
use crate::model::{PlanStepView, StepView};
use crate::ui::{Tone, took};

/// Steps that are drawn; of more, those that matter most.
const MOST_STEPS: usize = 40;

/// A line of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// How it is meant.
    pub(super) tone: Tone,
    /// What it says.
    pub(super) text: String,
}

/// Draws a snapshot.
pub(super) fn picture(snapshot: &Snapshot) -> Vec<Line> {
    let run = &snapshot.detail.run;
    let ended = snapshot.detail.steps.iter().filter(|step| step.status.is_terminal()).count();
    let all = snapshot.detail.steps.len();
    let head = format!("{}  {}  {ended}/{all} steps  {}", run.workflow, run.status, took(run.duration_ms));
    let mut lines = vec![Line { tone: run_tone(run.status), text: head }];
    lines.extend(
        run.waits.iter().map(|waits| Line { tone: Tone::Quiet, text: format!("  {}", waits.message) }),
    );
    let width = snapshot
        .detail
        .steps
        .iter()
        .map(|step| step.path.len() + 2 * depth(snapshot, step))
        .max()
        .unwrap_or(0);
    let mut shown: Vec<&StepView> = snapshot.detail.steps.iter().collect();
    if all > MOST_STEPS {
        shown.retain(|step| {
            !matches!(step.status, StepStatus::Pending | StepStatus::Succeeded | StepStatus::Skipped)
        });
        shown.truncate(MOST_STEPS);
    }
    for step in &shown {
        let indent = "  ".repeat(depth(snapshot, step));
        let name = format!("{indent}{}", step.path);
        lines.push(Line {
            tone: tone(step.status),
            text: format!("  {} {name:<width$}  {}", mark(step), words(snapshot, step)).trim_end().to_owned(),
        });
    }
    if shown.len() < all {
        lines.push(Line { tone: Tone::Quiet, text: format!("    … and {} more", all - shown.len()) });
    }
    lines.extend(
        snapshot
            .effects
            .iter()
            .filter_map(effect_line)
            .map(|change| Line { tone: change.tone, text: format!("  ↩ {}", change.text) }),
    );
    lines
}

fn run_tone(status: RunStatus) -> Tone {
    match status {
        RunStatus::Succeeded => Tone::Good,
        RunStatus::Failed | RunStatus::Cancelled | RunStatus::TimedOut | RunStatus::Unwinding => Tone::Bad,
        RunStatus::Paused => Tone::Busy,
        RunStatus::Queued | RunStatus::Running | RunStatus::Finalizing => Tone::Strong,
    }
}

fn depth(snapshot: &Snapshot, step: &StepView) -> usize {
    planned(snapshot, step).map_or(0, |planned| planned.depth.min(12) as usize)
}

/// The step of the workflow that a path belongs to.
fn top(path: &str) -> &str {
    path.split(['[', '/']).next().unwrap_or_default()
}

fn planned<'a>(snapshot: &'a Snapshot, step: &StepView) -> Option<&'a PlanStepView> {
    snapshot.plan.iter().find(|planned| planned.name == top(&step.path))
}

fn mark(step: &StepView) -> char {
    match step.status {
        StepStatus::Pending => '·',
        StepStatus::Ready => '○',
        StepStatus::Running => '●',
        StepStatus::Retrying => '↻',
        StepStatus::Waiting => '◌',
        StepStatus::Paused => '‖',
        StepStatus::Succeeded if step.cached => '≡',
        StepStatus::Succeeded => '✓',
        StepStatus::Failed | StepStatus::TimedOut => '✗',
        StepStatus::Skipped | StepStatus::NotReached => '-',
        StepStatus::Cancelled => '■',
    }
}

/// What a step waits for: those of its needs that have not ended, or the end of the body.
fn waits(snapshot: &Snapshot, step: &StepView) -> String {
    let Some(planned) = planned(snapshot, step) else { return String::new() };
    let open: Vec<&str> = planned
        .needs
        .iter()
        .filter(|need| {
            let is_part = |other: &&StepView| top(&other.path) == need.as_str();
            snapshot.detail.steps.iter().filter(is_part).any(|other| !other.status.is_terminal())
        })
        .map(String::as_str)
        .collect();
    match (open.is_empty(), planned.finally) {
        (false, _) => format!("waits for {}", open.join(", ")),
        (true, true) => "runs at the end".to_owned(),
        (true, false) => String::new(),
    }
}

fn words(snapshot: &Snapshot, step: &StepView) -> String {
    match step.status {
        StepStatus::Pending => waits(snapshot, step),
        StepStatus::Ready => "waits for a slot".to_owned(),
        StepStatus::Running => {
            let attempt =
                if step.attempts > 1 { format!(" (attempt {})", step.attempts) } else { String::new() };
            let doing = step.progress.as_deref().map(|doing| format!("  {doing}")).unwrap_or_default();
            format!("{}{attempt}{doing}", took(step.duration_ms))
        }
        StepStatus::Succeeded => step.origin().unwrap_or_else(|| took(step.duration_ms)),
        status => {
            let reason = why(step);
            let line = reason.lines().next().unwrap_or_default();
            format!("{}{line}", status.name().replace('_', " "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::RunDetail;

    fn step(path: &str, status: &str) -> serde_json::Value {
        json!({
            "path": path, "action": "shell/run@v1", "status": status, "attempts": 1, "cached": false,
            "outputs": {}, "duration_ms": 1500, "error": null, "started_at": null, "finished_at": null,
        })
    }

    fn planned(name: &str, needs: &[&str], depth: u32, finally: bool) -> PlanStepView {
        PlanStepView {
            name: name.to_owned(),
            uses: "shell/run@v1".to_owned(),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            depth,
            isolation: "none".to_owned(),
            finally,
            pivot: false,
        }
    }

    #[test]
    fn the_picture_tells_which_step_waits_for_which() {
        let detail: RunDetail = serde_json::from_value(json!({
            "run": {
                "id": "01a20393-b7d2-7780-990c-5254c9f52bb0", "workflow": "w", "project": null,
                "status": "running", "compensation": "none", "outputs": {}, "duration_ms": 2000,
                "error": null, "trigger": {}, "inputs": {}, "created_at": "", "finished_at": null, "seq": 1,
            },
            "steps": [
                step("a", "succeeded"), step("b", "running"), step("c", "pending"), step("last", "pending"),
            ],
        }))
        .unwrap();
        let plan = vec![
            planned("a", &[], 0, false),
            planned("b", &["a"], 1, false),
            planned("c", &["a", "b"], 2, false),
            planned("last", &[], 0, true),
        ];
        let snapshot = Snapshot { detail, effects: Vec::new(), plan: plan.into() };
        let lines: Vec<_> = picture(&snapshot).into_iter().map(|line| line.text).collect();
        assert_eq!(
            lines,
            [
                "w  running  1/4 steps  2.0 s",
                "  ✓ a      1.5 s",
                "  ●   b    1.5 s",
                "  ·     c  waits for b",
                "  · last   runs at the end",
            ]
        );
    }
}
