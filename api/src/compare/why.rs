//! Why a step did not get from the cache what it gave in an earlier run. Pure.

use std::borrow::Cow;

use engine_core::run::Outside;
use vocab::{Caching, RunId, StepPath, StepStatus};

use super::account::{Account, Heard};
use crate::model::Change;

/// Where the outputs of the step in `b` come from, or why `b` computed them although `a` had. Nothing where it has none.
pub(super) fn why(path: &StepPath, a: &Account, b: &Account, inputs: &[Change]) -> Option<String> {
    let (was, is) = (a.heard.get(path), b.heard.get(path)?);
    if let Some(from) = &is.taken_over {
        return Some(format!("taken over from run {}", from.run));
    }
    if let Some(from) = &is.cached {
        return Some(format!("from the cache: run {} computed it", from.run));
    }
    let row = b.steps.iter().find(|step| step.path == *path)?;
    if row.status != StepStatus::Succeeded || row.attempts == 0 {
        return None;
    }
    let position = b.plan.position(path.root())?;
    let (step, action) = (b.plan.step(position), b.plan.action(position));
    if action.wait.is_some() {
        return None;
    }
    if action.caching != Caching::Auto || !action.effects.is_empty() {
        return Some(format!("computed: {} is never cached", step.uses));
    }
    if !step.cache {
        return Some("computed: the workflow says `cache: never`".to_owned());
    }
    let Some(key) = &is.key else {
        return Some(format!("computed: the cache was not asked ({})", trigger(b)));
    };
    let Some(was) = was.and_then(|was| was.key.as_ref().map(|key| (was, key))) else {
        return Some(format!("computed: run {} does not say what the cache was asked for", a.row.id));
    };
    let (_, before) = was;
    if before.digest == key.digest {
        return Some(
            "computed: the key is the same, but the cache had nothing under it (any more)".to_owned(),
        );
    }
    let mut parts = Vec::new();
    let used = a.plan.position(path.root()).map(|position| &a.plan.step(position).uses);
    if used != Some(&step.uses) {
        parts.push("the action".to_owned());
    }
    parts.extend(inputs.iter().map(|change| format!("input `{}`", change.what)));
    if before.outside != key.outside {
        let (before, now) = (words(&before.outside), words(&key.outside));
        parts.push(format!("what it reads outside ({before} → {now})"));
    }
    if parts.is_empty() {
        parts.push("a part of the key that neither run tells".to_owned());
    }
    Some(format!("computed: {} changed", parts.join(", ")))
}

/// The run that computed the outputs, where it is another one.
pub(super) fn computed_by(heard: Option<&Heard>) -> Option<RunId> {
    let heard = heard?;
    heard.taken_over.as_ref().or(heard.cached.as_ref()).map(|from| from.run)
}

fn trigger(run: &Account) -> Cow<'static, str> {
    match run.row.trigger["kind"].as_str() {
        Some(kind @ ("schedule" | "image")) => {
            format!("a run by `{kind}` wants what is fresh, and what the step reads cannot be told").into()
        }
        _ => "or the run is older than this record".into(),
    }
}

/// A fingerprint in a line.
fn words(outside: &Outside) -> String {
    const MOST: usize = 60;
    let cut = |text: &str| {
        let line = text.replace('\n', ", ");
        match line.char_indices().nth(MOST) {
            Some((at, _)) => format!("{}…", &line[..at]),
            None => line,
        }
    };
    match outside {
        Outside::Nothing => "nothing".to_owned(),
        Outside::Of(text) => format!("`{}`", cut(text)),
        Outside::Unknown(reason) => format!("unknown: {}", cut(reason)),
    }
}
