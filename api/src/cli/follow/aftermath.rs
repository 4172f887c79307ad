//! What a run that did not succeed leaves to look at: how the logs of its failed steps end, and what is stuck.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value as Json;
use vocab::{EffectState, RunStatus, StepStatus};

use super::watch::Watched;
use crate::model::{EffectView, EventView, RunDetail, StepView};

/// Lines of a log that are shown, and characters of a line.
const LINES: usize = 20;
const CHARACTERS: usize = 400;
/// Failed steps whose logs are shown; the first tells most.
const STEPS: usize = 5;
/// Pages of events that are searched for the reasons of stuck effects.
const PAGES: usize = 100;

/// The end of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct Tail(VecDeque<String>);

impl Tail {
    /// Adds the next line; only the last ones stay.
    pub(in crate::cli) fn push(&mut self, line: &str) {
        if self.0.len() == LINES {
            self.0.pop_front();
        }
        let cut = if line.chars().count() > CHARACTERS { "…" } else { "" };
        self.0.push_back(line.chars().take(CHARACTERS).chain(cut.chars()).collect());
    }
}

/// Says how a run ended, in paragraphs: nothing for one that succeeded.
pub(in crate::cli) async fn aftermath(
    run: &mut dyn Watched,
    detail: &RunDetail,
    effects: &[EffectView],
) -> Vec<String> {
    let mut said = Vec::new();
    let ended_well = detail.run.status == RunStatus::Succeeded || !detail.run.status.is_terminal();
    let failed =
        |step: &&StepView| !ended_well && matches!(step.status, StepStatus::Failed | StepStatus::TimedOut);
    for step in detail.steps.iter().filter(failed).take(STEPS) {
        if let Some(tail) = run.tail(step).await.filter(|tail| !tail.0.is_empty()) {
            said.push(log(step, &tail, &run.whole_log(step).await));
        }
    }
    let more = detail.steps.iter().filter(failed).count().saturating_sub(STEPS);
    if more > 0 {
        said.push(format!("{more} more failed step(s) have logs too"));
    }
    let stuck: Vec<_> = effects.iter().filter(|effect| effect.state == EffectState::Stuck).collect();
    if !stuck.is_empty() {
        let reasons = reasons(run).await;
        said.extend(stuck.iter().map(|effect| {
            let name = format!("{}/{}", effect.step, effect.name);
            unsolved(&name, reasons.get(&name))
        }));
        said.push(format!("once the cause is gone, undo it with {}", run.undo()));
    }
    said
}

fn log(step: &StepView, tail: &Tail, whole: &str) -> String {
    let lines: Vec<_> = tail.0.iter().map(|line| format!("    | {line}")).collect();
    format!("log of {}, its end:\n{}\n    all of it: {whole}", step.path, lines.join("\n"))
}

fn unsolved(name: &str, error: Option<&Json>) -> String {
    let text = |key: &str| error.and_then(|error| error[key].as_str());
    let why = text("message").unwrap_or("the reason is not recorded");
    let help = text("help").map(|help| format!("\n    help: {help}")).unwrap_or_default();
    format!("STUCK {name}: {why}{help}")
}

/// The last error of every effect that got stuck, by its step and name.
async fn reasons(run: &mut dyn Watched) -> BTreeMap<String, Json> {
    let (mut found, mut after) = (BTreeMap::new(), 0);
    for _ in 0..PAGES {
        let events = run.events(after).await;
        let Some(last) = events.last() else { break };
        after = last.seq;
        found.extend(events.iter().filter_map(reason));
    }
    found
}

fn reason(event: &EventView) -> Option<(String, Json)> {
    let effect = (event.kind == "effect_stuck").then(|| &event.payload["effect"])?;
    let name = format!("{}/{}", effect["path"].as_str()?, effect["name"].as_str()?);
    Some((name, event.payload["error"].clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_end_of_a_log_is_kept() {
        let mut tail = Tail::default();
        (0..50).for_each(|number| tail.push(&format!("line {number}")));
        tail.push(&"ö".repeat(CHARACTERS + 1));
        assert_eq!((tail.0.len(), tail.0[0].as_str()), (LINES, "line 31"));
        assert_eq!(tail.0.back().unwrap().chars().count(), CHARACTERS + 1);
        assert!(tail.0.back().unwrap().ends_with('…'));
    }

    #[test]
    fn a_stuck_effect_tells_its_last_error_and_what_to_do() {
        let event = EventView {
            seq: 9,
            at: String::new(),
            kind: "effect_stuck".to_owned(),
            v: 1,
            payload: json!({
                "effect": { "path": "push[1]", "name": "tag" },
                "error": { "class": "permanent", "message": "401 from the registry", "help": "remove the tag" },
            }),
        };
        let (name, error) = reason(&event).unwrap();
        assert_eq!(
            unsolved(&name, Some(&error)),
            "STUCK push[1]/tag: 401 from the registry\n    help: remove the tag"
        );
        assert_eq!(reason(&EventView { kind: "effect_undone".to_owned(), ..event }), None);
    }
}
