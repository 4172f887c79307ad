//! A snapshot as a picture of a few lines: the graph from top to bottom, one line a step.

use vocab::{RunStatus, StepStatus};

use super::Snapshot;
use super::changes::{effect_line, tone, why};
use crate::model::StepView;
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
            text: format!("  {} {name:<width$}  {}", mark(step), words(step)),
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
        RunStatus::Queued | RunStatus::Running | RunStatus::Finalizing => Tone::Strong,
    }
}

fn depth(snapshot: &Snapshot, step: &StepView) -> usize {
    let name = step.path.split(['[', '/']).next().unwrap_or_default();
    snapshot
        .plan
        .iter()
        .find(|planned| planned.name == name)
        .map_or(0, |planned| planned.depth.min(12) as usize)
}

fn mark(step: &StepView) -> char {
    match step.status {
        StepStatus::Pending => '·',
        StepStatus::Ready => '○',
        StepStatus::Running => '●',
        StepStatus::Retrying => '↻',
        StepStatus::Succeeded if step.cached => '≡',
        StepStatus::Succeeded => '✓',
        StepStatus::Failed | StepStatus::TimedOut => '✗',
        StepStatus::Skipped | StepStatus::NotReached => '-',
        StepStatus::Cancelled => '■',
    }
}

fn words(step: &StepView) -> String {
    match step.status {
        StepStatus::Pending | StepStatus::Ready => String::new(),
        StepStatus::Running => {
            let attempt =
                if step.attempts > 1 { format!(" (attempt {})", step.attempts) } else { String::new() };
            let doing = step.progress.as_deref().map(|doing| format!("  {doing}")).unwrap_or_default();
            format!("{}{attempt}{doing}", took(step.duration_ms))
        }
        StepStatus::Succeeded if step.cached => "from the cache".to_owned(),
        StepStatus::Succeeded => took(step.duration_ms),
        status => {
            let reason = why(step);
            let line = reason.lines().next().unwrap_or_default();
            format!("{}{line}", status.name().replace('_', " "))
        }
    }
}
