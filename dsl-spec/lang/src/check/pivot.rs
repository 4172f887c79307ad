//! The rule of the pivot: when it succeeds, nothing else of the body may still be on its way beside it.

use super::Context;
use super::steps::Steps;
use crate::diagnostic::{Code, Finding, Findings};

pub(super) fn check(context: &Context<'_>, findings: &mut Findings) {
    for draft in context.finally.drafts {
        if let Some(span) = draft.pivot {
            let message = "a step of `finally` is no pivot: the body has ended";
            findings.push(Finding::new(Code::NotAvailable, span, message));
        }
    }
    let steps = &context.body;
    let pivots: Vec<_> =
        (0..steps.drafts.len()).filter(|index| steps.drafts[*index].pivot.is_some()).collect();
    for (position, &pivot) in pivots.iter().enumerate() {
        // Each pivot costs a walk over the graph; nobody has more than a few.
        if position == 16 {
            break;
        }
        check_one(steps, pivot, findings);
    }
}

fn check_one(steps: &Steps<'_>, pivot: usize, findings: &mut Findings) {
    let needs = &steps.graph.needs;
    let mut related = vec![false; needs.len()];
    related[pivot] = true;
    // Upwards against the order, then downwards along it.
    let mut above = related.clone();
    for &index in steps.graph.order.iter().rev().filter(|index| !needs[**index].is_empty()) {
        if above[index] {
            for &need in &needs[index] {
                above[need] = true;
            }
        }
    }
    for &index in &steps.graph.order {
        related[index] |= needs[index].iter().any(|need| related[*need]);
    }
    let name = &steps.drafts[pivot].name.value;
    let place = steps.drafts[pivot].pivot.unwrap_or_default();
    for (index, draft) in steps.drafts.iter().enumerate() {
        if !related[index] && !above[index] {
            let step = &draft.name.value;
            let message = format!("`{step}` may still run when the pivot `{name}` succeeds");
            findings.push(
                Finding::new(Code::PivotOrder, draft.name.span, message)
                    .label(place, "the pivot")
                    .help(format!("let `{name}` need `{step}`, or `{step}` need `{name}`")),
            );
        }
    }
}
