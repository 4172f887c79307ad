//! A document without errors becomes a workflow.

use indexmap::IndexMap;

use super::steps::Finished;
use crate::document::{Document, Draft, StepDraft};
use crate::model::{Concurrency, OnFailure, Step, Workflow};

/// Builds the workflow. `None` only for a document that had errors.
pub(super) fn finish(document: Document, (body, finally): (Finished, Finished)) -> Option<Workflow> {
    Some(Workflow {
        name: document.name?,
        description: document.description,
        triggers: document.triggers,
        inputs: document.inputs.into_iter().map(|input| (input.name.value, input.input)).collect(),
        concurrency: document.concurrency.map(|draft| Concurrency {
            group: draft.group.into_template(),
            limit: draft.limit,
            on_new: draft.on_new,
        }),
        priority: document.priority,
        timeout: document.timeout,
        on_failure: document.on_failure,
        steps: steps(document.steps, &body, document.on_failure)?,
        finally: steps(document.finally, &finally, OnFailure::default())?,
        outputs: document
            .outputs
            .into_iter()
            .map(|(name, value)| (name.value, value.into_template()))
            .collect(),
    })
}

fn steps(
    drafts: Vec<StepDraft>,
    finished: &Finished,
    on_failure: OnFailure,
) -> Option<IndexMap<String, Step>> {
    let names: Vec<String> = drafts.iter().map(|draft| draft.name.value.clone()).collect();
    let step = |(index, draft): (usize, StepDraft)| {
        let with = draft.with.into_iter().map(|(key, value)| (key.value, value.into_template())).collect();
        let step = Step {
            name: draft.name.value,
            action: draft.uses?.value,
            with,
            needs: finished.needs[index].iter().map(|need| names[*need].clone()).collect(),
            replaces_gate: draft.condition.as_ref().is_some_and(crate::Expr::uses_status),
            condition: draft.condition,
            for_each: draft.for_each.map(Draft::into_template),
            timeout: draft.timeout,
            retry: draft.retry,
            cache: draft.cache,
            compensate: draft.compensate,
            on_failure: draft.on_failure.map_or(on_failure, |own| own.value),
            allow_failure: draft.allow_failure,
            pivot: draft.pivot.is_some(),
            isolation: finished.isolation[index],
        };
        Some((step.name.clone(), step))
    };
    drafts.into_iter().enumerate().map(step).collect()
}
