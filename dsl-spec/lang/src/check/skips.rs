//! When steps are skipped, and which are skipped together.
//!
//! A step is skipped when its own condition is false, or when it needs steps and all of them were skipped. So where
//! everything below a conditional step is skipped with it, its outputs are there for whoever still runs.

use super::steps::Steps;

/// Steps beyond which outputs of steps that may be skipped simply count as missing: the answer costs a walk over the
/// graph for each reference.
const MOST: usize = 2048;

/// Whether a step without a condition of its own is skipped, given who else is.
pub(super) fn by_needs(needs: &[usize], skipped: &[bool]) -> bool {
    !needs.is_empty() && needs.iter().all(|need| skipped[*need])
}

/// Whether `reader` is surely skipped whenever `step` is.
pub(super) fn together(steps: &Steps<'_>, step: usize, reader: usize) -> bool {
    let graph = &steps.graph;
    if graph.needs[reader].as_slice() == [step] {
        return true;
    }
    if steps.drafts.len() > MOST {
        return false;
    }
    // The least that skips `step`: its own condition, or else the conditions of all that it needs. Whatever else may
    // skip it skips no fewer steps.
    let mut skipped = vec![false; steps.drafts.len()];
    let mut open = vec![step];
    let mut seen = vec![false; steps.drafts.len()];
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut seen[index], true) {
            if steps.drafts[index].condition.is_some() {
                skipped[index] = true;
            } else {
                open.extend(&graph.needs[index]);
            }
        }
    }
    for &index in &graph.order {
        // A status function takes the place of the whole gate, this rule included.
        let gated = !steps.drafts[index].condition.as_ref().is_some_and(crate::Expr::uses_status);
        skipped[index] |= gated && by_needs(&graph.needs[index], &skipped);
    }
    skipped[reader]
}
