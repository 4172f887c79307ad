//! Document to workflow: every name looked up, every type compared, every rule asked. Problems are collected, so that
//! all of a file are told at once.

mod actions;
mod concurrency;
mod conditions;
mod cycles;
mod finish;
mod inputs;
mod needs;
mod pivot;
mod place;
mod sizes;
mod skips;
mod steps;
mod values;

use crate::compile::{Catalogue, CompileOptions};
use crate::diagnostic::{Code, Finding, Findings};
use crate::document::Document;
use crate::{Span, Workflow};

use place::{Here, Place};
use steps::{Part, Steps};

/// What every check sees.
struct Context<'d> {
    document: &'d Document,
    catalogue: &'d Catalogue,
    options: &'d CompileOptions,
    body: Steps<'d>,
    finally: Steps<'d>,
}

impl<'d> Context<'d> {
    fn part(&self, part: Part) -> &Steps<'d> {
        match part {
            Part::Body => &self.body,
            Part::Finally => &self.finally,
        }
    }
}

/// Checks a document. `None` when it has problems that leave no workflow; they are among the findings.
pub(crate) fn check(
    document: Document,
    catalogue: &Catalogue,
    options: &CompileOptions,
    findings: &mut Findings,
) -> Option<Workflow> {
    let count = document.steps.len() + document.finally.len();
    if count as u64 > options.limits.run_steps {
        let message =
            format!("the workflow has {count} steps; a run has at most {}", options.limits.run_steps);
        findings.push(Finding::new(Code::TooManySteps, Span::default(), message));
        return None;
    }
    let body = Steps::new(Part::Body, &document.steps, catalogue);
    let finally = Steps::new(Part::Finally, &document.finally, catalogue);
    let mut context = Context { document: &document, catalogue, options, body, finally };
    steps::check_names(&context, findings);
    steps::check_settings(&context, findings);
    let body = needs::resolve(&context, Part::Body, findings);
    let finally = needs::resolve(&context, Part::Finally, findings);
    context.body.graph = body;
    context.finally.graph = finally;
    pivot::check(&context, findings);
    inputs::check(&context, findings);
    for part in [Part::Body, Part::Finally] {
        for index in 0..context.part(part).drafts.len() {
            actions::check(&context, part, index, findings);
            conditions::check(&context, part, index, findings);
        }
    }
    concurrency::check(&context, findings);
    for (_, draft) in &document.outputs {
        values::infer_draft(draft, &Place::new(&context, Here::Outputs), findings);
    }
    sizes::check(&context, findings);
    let graphs = (context.body.into_finished(), context.finally.into_finished());
    (!findings.any_error()).then(|| finish::finish(document, graphs))?
}
