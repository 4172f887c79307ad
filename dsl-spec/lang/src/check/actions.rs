//! A step against the manifest of its action: inputs, isolation, effects.

use vocab::{ActionManifest, Type};

use super::Context;
use super::place::{Here, Place};
use super::steps::Part;
use super::values::{check_draft, infer_draft};
use crate::compile::{Catalogue, Trust};
use crate::diagnostic::{Code, Finding, Findings, did_you_mean};
use crate::document::{DraftKind, StepDraft};
use crate::expr::describe;
use crate::model::Compensate;
use crate::syntax::{Spanned, cut};

pub(super) fn check(context: &Context<'_>, part: Part, index: usize, findings: &mut Findings) {
    let steps = context.part(part);
    let draft = &steps.drafts[index];
    let item = draft.for_each.as_ref().map(|list| {
        match infer_draft(list, &Place::new(context, Here::ForEach(part, index)), findings) {
            Type::List(item) => *item,
            Type::Any => Type::Any,
            Type::Nullable(_) => {
                let message = "`for_each` takes a list, and this may be null";
                findings.push(
                    Finding::new(Code::MaybeNull, list.span, message).help("say what holds then: `… ?? []`"),
                );
                Type::Any
            }
            other => {
                let message = format!("`for_each` takes a list, found {}", describe(&other));
                findings.push(Finding::new(Code::WrongType, list.span, message));
                Type::Any
            }
        }
    });
    let place = Place::new(context, Here::With(part, index, item));
    let Some(manifest) = steps.manifests[index] else {
        if let Some(uses) = &draft.uses {
            findings.push(unknown_action(context.catalogue, uses));
        }
        // What is wrong inside is told all the same.
        for (_, value) in &draft.with {
            infer_draft(value, &place, findings);
        }
        return;
    };
    for (key, value) in &draft.with {
        if let Some(input) = manifest.input(&key.value) {
            let what = format!("the input `{}` of `{}`", input.name, manifest.action);
            check_draft(value, &input.ty, &what, &place, findings);
        } else {
            findings.push(unknown_input(manifest, key));
            infer_draft(value, &place, findings);
        }
    }
    let at = draft.with_span.or(draft.uses.as_ref().map(|uses| uses.span)).unwrap_or(draft.name.span);
    for port in manifest.inputs.iter().filter(|port| port.required) {
        if !draft.with.iter().any(|(key, _)| key.value == port.name) {
            let message = format!("`{}` needs the input `{}`: {}", manifest.action, port.name, port.doc);
            findings.push(
                Finding::new(Code::MissingActionInput, at, message)
                    .help(format!("give it under `with`; it is {}", describe(&port.ty))),
            );
        }
    }
    check_isolation(context, part, index, manifest, findings);
    if part == Part::Finally && !manifest.effects.is_empty() && draft.compensate == Compensate::Default {
        let message = format!("`{}` makes effects, and nothing is undone after `finally`", manifest.action);
        findings.push(
            Finding::new(Code::FinallyEffects, draft.name.span, message)
                .help("move the step into the body, or say `compensate: none`: what it makes then stays"),
        );
    }
}

fn unknown_action(catalogue: &Catalogue, uses: &Spanned<vocab::ActionRef>) -> Finding {
    let versions: Vec<_> = catalogue
        .iter()
        .filter(|manifest| manifest.action.name == uses.value.name)
        .map(|manifest| format!("`{}`", manifest.action))
        .collect();
    if !versions.is_empty() {
        let message = format!("there is no version {} of `{}`", uses.value.version, uses.value.name);
        return Finding::new(Code::UnknownActionVersion, uses.span, message)
            .help(format!("there is {}", versions.join(", ")));
    }
    let names: Vec<_> = catalogue.iter().map(|manifest| manifest.action.to_string()).collect();
    let wanted = uses.value.to_string();
    let suggestion = did_you_mean(&wanted, names.iter().map(String::as_str));
    Finding::new(Code::UnknownAction, uses.span, format!("there is no action `{}`{suggestion}", cut(&wanted)))
        .help("`image-factory actions list` shows what there is")
}

fn unknown_input(manifest: &ActionManifest, key: &Spanned<String>) -> Finding {
    let names: Vec<_> = manifest.inputs.iter().map(|port| port.name.as_str()).collect();
    let message = format!(
        "`{}` has no input `{}`{}",
        manifest.action,
        cut(&key.value),
        did_you_mean(&key.value, names.iter().copied())
    );
    let takes =
        if names.is_empty() { "it takes none".to_owned() } else { format!("it takes: {}", names.join(", ")) };
    Finding::new(Code::UnknownActionInput, key.span, message).help(takes)
}

/// Refuses execution on the host without trust. What the isolation is must stand in the file: a value of a run could
/// not be refused before the run.
fn check_isolation(
    context: &Context<'_>,
    part: Part,
    index: usize,
    manifest: &ActionManifest,
    findings: &mut Findings,
) {
    let steps = context.part(part);
    let draft: &StepDraft = &steps.drafts[index];
    let given = manifest
        .isolation
        .input
        .as_ref()
        .and_then(|name| draft.with.iter().find(|(key, _)| key.value == *name));
    if let Some((key, value)) = given
        && !matches!(value.kind, DraftKind::Literal(_) | DraftKind::Broken)
    {
        let message = format!("`{}` decides what may touch the host, so it is written out", key.value);
        findings.push(
            Finding::new(Code::IsolationNotLiteral, value.span, message)
                .help("write the word itself, such as `oci`"),
        );
        return;
    }
    let isolation = steps.isolation(index);
    if isolation.is_host() && context.options.trust != Trust::Host {
        let span = given.map(|(_, value)| value.span).or(draft.uses.as_ref().map(|uses| uses.span));
        let message = format!(
            "the step `{}` runs on the host (isolation `{isolation}`), and this project is not trusted with it",
            draft.name.value
        );
        let help = if manifest.isolation.input.is_some() {
            "use isolation `oci`; or the operator trusts the project with `--trust host`"
        } else {
            "use an action that runs in a container, such as `container/run@v1`; or the operator trusts the project with `--trust host`"
        };
        findings.push(Finding::new(Code::HostIsolation, span.unwrap_or_default(), message).help(help));
    }
}
