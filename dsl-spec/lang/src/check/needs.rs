//! Who needs whom: `needs` and references together.

use std::collections::HashMap;

use super::steps::{Part, Steps};
use super::{Context, cycles, skips};
use crate::Span;
use crate::diagnostic::{Code, Finding, Findings, did_you_mean, listed};
use crate::document::StepDraft;
use crate::syntax::cut;

/// The needs of the steps of a part, as positions.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The needs of each step, in the order of declaration, each once. Steps in a circle have lost those.
    pub(super) needs: Vec<Vec<usize>>,
    /// Positions so that each stands behind its needs.
    pub(super) order: Vec<usize>,
    /// Whether a step may be skipped: by its own condition, or because all that it needs may be.
    pub(super) may_skip: Vec<bool>,
}

/// Steps beyond which the lint about implied needs, whose cost grows with the square, is left out.
const MOST_FOR_IMPLIED: usize = 2048;

/// Resolves the needs of a part, and reports unknown steps, steps that need themselves, circles, implied needs.
pub(super) fn resolve(context: &Context<'_>, part: Part, findings: &mut Findings) -> Graph {
    let steps = context.part(part);
    let mut edges: Vec<HashMap<usize, Span>> = Vec::with_capacity(steps.drafts.len());
    for (index, draft) in steps.drafts.iter().enumerate() {
        let mut found = implied(steps, draft);
        let by_reference: Vec<usize> = found.keys().copied().collect();
        for need in &draft.needs {
            match steps.find(&need.value) {
                Some(at) => {
                    if by_reference.contains(&at) && at != index {
                        let message = format!("the need on `{}` is implied by a reference to it", need.value);
                        findings.push(
                            Finding::new(Code::ImpliedNeed, need.span, message)
                                .label(found[&at], "this reference is a need")
                                .help("leave it out of `needs`"),
                        );
                    }
                    found.insert(at, need.span);
                }
                None => findings.push(unknown_need(context, steps, &need.value, need.span)),
            }
        }
        if let Some(span) = found.remove(&index) {
            let message = format!("the step `{}` needs itself", draft.name.value);
            findings.push(Finding::new(Code::SelfNeed, span, message));
        }
        edges.push(found);
    }
    let order = cycles::order(steps, &mut edges, findings);
    let needs: Vec<Vec<usize>> = edges
        .into_iter()
        .map(|found| {
            let mut needs: Vec<_> = found.into_keys().collect();
            needs.sort_unstable();
            needs
        })
        .collect();
    let mut may_skip = vec![false; needs.len()];
    for &index in &order {
        may_skip[index] =
            steps.drafts[index].condition.is_some() || skips::by_needs(&needs[index], &may_skip);
    }
    let graph = Graph { needs, order, may_skip };
    if steps.drafts.len() <= MOST_FOR_IMPLIED {
        check_implied(steps, &graph, findings);
    }
    graph
}

/// The steps of the same part that the expressions of a step read, with the place of the first reference.
fn implied(steps: &Steps<'_>, draft: &StepDraft) -> HashMap<usize, Span> {
    let mut found = HashMap::new();
    let mut visit = |expr: &crate::Expr| {
        for (reference, span) in expr.references() {
            if let Some(at) = reference.step().and_then(|step| steps.find(step)) {
                found.entry(at).or_insert(span);
            }
        }
    };
    draft.condition.iter().for_each(&mut visit);
    draft.for_each.iter().for_each(|value| value.each_expr(&mut visit));
    draft.with.iter().for_each(|(_, value)| value.each_expr(&mut visit));
    found
}

fn unknown_need(context: &Context<'_>, steps: &Steps<'_>, name: &str, span: Span) -> Finding {
    let other = match steps.part {
        Part::Body => &context.finally,
        Part::Finally => &context.body,
    };
    if other.find(name).is_some() {
        return match steps.part {
            Part::Body => {
                let message = format!("`{name}` is a step of `finally`, which runs after all others");
                Finding::new(Code::NotAvailable, span, message)
            }
            Part::Finally => {
                let message = format!("`{name}` is a step of the body, which has ended before `finally`");
                Finding::new(Code::NotAvailable, span, message).help("leave it out of `needs`")
            }
        };
    }
    let shown = cut(name);
    let near = did_you_mean(name, steps.names());
    let message = format!("`needs: [{shown}]`: there is no step `{shown}`{near}");
    let finding = Finding::new(Code::UnknownStep, span, message);
    if near.is_empty() { finding.help(listed("steps", steps.names())) } else { finding }
}

/// Reports needs on a step that another need already waits for.
fn check_implied(steps: &Steps<'_>, graph: &Graph, findings: &mut Findings) {
    let words = steps.drafts.len().div_ceil(64);
    let mut above: Vec<Vec<u64>> = vec![vec![0; words]; steps.drafts.len()];
    let has = |set: &[u64], at: usize| set[at / 64] & (1 << (at % 64)) != 0;
    for &index in &graph.order {
        let mut all = vec![0; words];
        for &need in &graph.needs[index] {
            for (word, more) in all.iter_mut().zip(&above[need]) {
                *word |= more;
            }
        }
        for need in &steps.drafts[index].needs {
            let Some(at) = steps.find(&need.value).filter(|at| has(&all, *at)) else { continue };
            let through = graph.needs[index].iter().find(|other| has(&above[**other], at));
            let through = through.map_or("another step", |other| steps.drafts[*other].name.value.as_str());
            let message = format!("the need on `{}` is implied: `{through}` waits for it", need.value);
            findings
                .push(Finding::new(Code::ImpliedNeed, need.span, message).help("leave it out of `needs`"));
        }
        for &need in &graph.needs[index] {
            all[need / 64] |= 1 << (need % 64);
        }
        above[index] = all;
    }
}
