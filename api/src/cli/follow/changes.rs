//! What is new between two snapshots, as lines: for logs, pipes and CI.

use std::collections::BTreeMap;

use vocab::{EffectState, StepStatus};

use super::Snapshot;
use crate::model::{EffectView, StepView};
use crate::ui::{Tone, took};

/// A line about something that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// How it is meant.
    pub(super) tone: Tone,
    /// What to say.
    pub(super) text: String,
}

/// The lines between two snapshots, in the order of the run's parts.
pub(super) fn changes(before: Option<&Snapshot>, after: &Snapshot) -> Vec<Change> {
    let mut lines = Vec::new();
    if before.is_none() {
        let run = &after.detail.run;
        lines.push(Change { tone: Tone::Strong, text: format!("run {} of {}", run.id, run.workflow) });
    }
    let waits = |snapshot: &Snapshot| snapshot.detail.run.waits.as_ref().map(|waits| waits.message.clone());
    if let Some(text) = waits(after).filter(|text| before.and_then(waits).as_ref() != Some(text)) {
        lines.push(Change { tone: Tone::Quiet, text: format!("the run {text}") });
    }
    let old: BTreeMap<&str, &StepView> = before
        .into_iter()
        .flat_map(|before| &before.detail.steps)
        .map(|step| (step.path.as_str(), step))
        .collect();
    for step in &after.detail.steps {
        let was = old.get(step.path.as_str());
        if was.is_none_or(|was| was.status != step.status || was.attempts != step.attempts) {
            lines.extend(step_line(step));
        }
    }
    let old: BTreeMap<&str, EffectState> = before
        .into_iter()
        .flat_map(|before| &before.effects)
        .map(|effect| (effect.key.as_str(), effect.state))
        .collect();
    // Undo goes from the newest to the oldest.
    for effect in after.effects.iter().rev() {
        if old.get(effect.key.as_str()) != Some(&effect.state) {
            lines.extend(effect_line(effect));
        }
    }
    let (status, compensation) = (after.detail.run.status, after.detail.run.compensation);
    if before.is_some_and(|before| before.detail.run.status != status) && !status.is_terminal() {
        lines.push(Change {
            tone: Tone::Busy,
            text: format!("the run is {status}, compensation {compensation}"),
        });
    }
    lines
}

/// How a step is meant.
pub(super) fn tone(status: StepStatus) -> Tone {
    match status {
        StepStatus::Succeeded => Tone::Good,
        StepStatus::Failed | StepStatus::TimedOut | StepStatus::Cancelled => Tone::Bad,
        StepStatus::Running | StepStatus::Retrying | StepStatus::Waiting | StepStatus::Paused => Tone::Busy,
        StepStatus::Pending | StepStatus::Ready | StepStatus::Skipped | StepStatus::NotReached => Tone::Quiet,
    }
}

fn step_line(step: &StepView) -> Option<Change> {
    let text = match step.status {
        StepStatus::Pending | StepStatus::Ready => return None,
        StepStatus::Running if step.attempts > 1 => {
            format!("{}: running, attempt {}", step.path, step.attempts)
        }
        StepStatus::Running => format!("{}: running", step.path),
        StepStatus::Succeeded => match step.origin() {
            Some(origin) => format!("{}: {origin}", step.path),
            None => format!("{}: succeeded in {}", step.path, took(step.duration_ms)),
        },
        status => format!("{}: {}{}", step.path, status.name().replace('_', " "), why(step)),
    };
    Some(Change { tone: tone(step.status), text })
}

/// The reason of a failure, with its help on a line of its own.
pub(super) fn why(step: &StepView) -> String {
    let Some(error) = &step.error else { return String::new() };
    let message = error["message"].as_str().unwrap_or_default();
    let help = error["help"].as_str().map(|help| format!("\n    help: {help}")).unwrap_or_default();
    format!(": {message}{help}")
}

/// Effects are only talked about once they are undone or cannot be: before, their step says it all.
pub(super) fn effect_line(effect: &EffectView) -> Option<Change> {
    let name = format!("{}/{}", effect.step, effect.name);
    let (tone, text) = match effect.state {
        EffectState::Undoing => (Tone::Busy, format!("undoing {name}")),
        EffectState::Undone => (Tone::Good, format!("undone {name}")),
        EffectState::Superseded => (Tone::Quiet, format!("left alone {name}: somebody has changed it since")),
        EffectState::Stuck => {
            (Tone::Bad, format!("STUCK {name}: it could not be undone; a person has to look"))
        }
        EffectState::Intended | EffectState::Made | EffectState::Held | EffectState::Released => return None,
    };
    Some(Change { tone, text })
}
