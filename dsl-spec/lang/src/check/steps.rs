//! The steps of a part, by name, with their actions and needs; what their names and settings say together.

use std::collections::HashMap;

use vocab::{ActionManifest, Isolation};

use super::Context;
use super::needs::Graph;
use crate::compile::Catalogue;
use crate::diagnostic::{Code, Finding, Findings};
use crate::document::{DraftKind, StepDraft};

/// The two parts of a workflow that hold steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Body,
    Finally,
}

/// The steps of one part.
pub(super) struct Steps<'d> {
    pub(super) part: Part,
    pub(super) drafts: &'d [StepDraft],
    /// The action of each step, where it is known.
    pub(super) manifests: Vec<Option<&'d ActionManifest>>,
    /// Empty until needs are resolved.
    pub(super) graph: Graph,
    names: HashMap<&'d str, usize>,
}

/// What is kept of a part once its document is taken apart.
pub(super) struct Finished {
    /// The needs of each step, as positions in the part.
    pub(super) needs: Vec<Vec<usize>>,
    /// The isolation of each step.
    pub(super) isolation: Vec<Isolation>,
}

impl<'d> Steps<'d> {
    pub(super) fn new(part: Part, drafts: &'d [StepDraft], catalogue: &'d Catalogue) -> Self {
        let manifests = drafts
            .iter()
            .map(|draft| draft.uses.as_ref().and_then(|uses| catalogue.get(&uses.value)))
            .collect();
        let mut names = HashMap::new();
        for (index, draft) in drafts.iter().enumerate() {
            names.entry(draft.name.value.as_str()).or_insert(index);
        }
        Self { part, drafts, manifests, graph: Graph::default(), names }
    }

    /// The position of a step.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// The names, in the order of the file.
    pub(super) fn names(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.drafts.iter().map(|draft| draft.name.value.as_str())
    }

    /// The isolation that a step asks for. What cannot be read counts as the host; then there was an error.
    pub(super) fn isolation(&self, index: usize) -> Isolation {
        let Some(manifest) = self.manifests[index] else { return Isolation::None };
        manifest.isolation.of(|name| {
            let (_, draft) = self.drafts[index].with.iter().find(|(key, _)| key.value == name)?;
            match &draft.kind {
                DraftKind::Literal(value) => Some(value.clone()),
                _ => Some("".into()),
            }
        })
    }

    pub(super) fn into_finished(self) -> Finished {
        let isolation = (0..self.drafts.len()).map(|index| self.isolation(index)).collect();
        Finished { needs: self.graph.needs, isolation }
    }
}

/// A name stands for one step, in body and `finally` together.
pub(super) fn check_names(context: &Context<'_>, findings: &mut Findings) {
    for draft in context.finally.drafts {
        if let Some(index) = context.body.find(&draft.name.value) {
            let message = format!("`{}` is the name of a step of the body too", draft.name.value);
            findings.push(
                Finding::new(Code::NameTaken, draft.name.span, message)
                    .label(context.body.drafts[index].name.span, "first here"),
            );
        }
    }
}

/// A failure that is allowed has no further consequence, so nothing is left for `on_failure` to say.
pub(super) fn check_settings(context: &Context<'_>, findings: &mut Findings) {
    for draft in context.body.drafts.iter().chain(context.finally.drafts) {
        if let Some(on_failure) = draft.on_failure.as_ref().filter(|_| draft.allow_failure) {
            let message =
                "`on_failure` has no effect: with `allow_failure: true` the run goes on in any case";
            findings.push(Finding::new(Code::NoEffect, on_failure.span, message).help(
                "leave out `on_failure`; or leave out `allow_failure`, and what follows a failure is for `on_failure` to say",
            ));
        }
    }
}
