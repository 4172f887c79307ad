//! What stands in the file against the size of what a step takes and gives: what is too large there fails in every run.

use serde::Serialize;
use vocab::{Value, json_bytes};

use super::Context;
use super::steps::Part;
use crate::Span;
use crate::diagnostic::{Code, Finding, Findings};
use crate::document::{Draft, DraftKind};
use crate::expr::Part as TextPart;
use crate::syntax::Spanned;

/// Checks the inputs of every step, what it is expanded over, and the outputs of the workflow.
pub(super) fn check(context: &Context<'_>, findings: &mut Findings) {
    let limit = context.options.limits.value_bytes;
    let mut report = |what: String, bytes: u64, span: Span| {
        if bytes > limit {
            let message =
                format!("{what} take at least {bytes} bytes, more than {limit} (limit `value_bytes`)");
            findings.push(Finding::new(Code::ValueTooLarge, span, message).help(
                "keep large content in a file of the repository, and pass the tree of `git/fetch@v1` that holds it",
            ));
        }
    };
    for part in [Part::Body, Part::Finally] {
        for draft in context.part(part).drafts {
            let name = &draft.name.value;
            if let Some((bytes, span)) = of_values(&draft.with) {
                report(format!("the inputs of step `{name}`"), bytes, span);
            }
            if let Some(list) = &draft.for_each {
                report(format!("the items of `for_each` of step `{name}`"), of(list), list.span);
            }
        }
    }
    if let Some((bytes, span)) = of_values(&context.document.outputs) {
        report("the outputs of the workflow".to_owned(), bytes, span);
    }
}

/// The least that named values take together, and the place of the largest.
fn of_values(values: &[(Spanned<String>, Draft)]) -> Option<(u64, Span)> {
    // A null is left out of an event, and an expression may give one.
    let certain = |draft: &Draft| {
        !matches!(draft.kind, DraftKind::Expr(_) | DraftKind::Broken | DraftKind::Literal(Value::Null))
    };
    let sizes: Vec<_> = values
        .iter()
        .filter(|(_, draft)| certain(draft))
        .map(|(key, draft)| (of_entry(&key.value, draft), key.span))
        .collect();
    let (_, largest) = sizes.iter().max_by_key(|(bytes, _)| *bytes)?;
    Some((enclosed(sizes.iter().map(|(bytes, _)| *bytes)), *largest))
}

/// The least that a value takes as JSON, whatever its expressions give.
fn of(draft: &Draft) -> u64 {
    match &draft.kind {
        DraftKind::Literal(value) => json(value),
        DraftKind::Expr(_) | DraftKind::Broken => 0,
        DraftKind::Text(parts) => {
            let plain = parts.iter().map(|part| match part {
                TextPart::Text(text) => json(text).saturating_sub(2),
                TextPart::Expr(_) => 0,
            });
            plain.sum::<u64>() + 2
        }
        DraftKind::List(items) => enclosed(items.iter().map(of)),
        DraftKind::Map(entries) => enclosed(entries.iter().map(|(key, entry)| of_entry(&key.value, entry))),
    }
}

fn of_entry(key: &str, draft: &Draft) -> u64 {
    json(key) + 1 + of(draft)
}

/// Parts with commas between them and brackets around them.
fn enclosed(parts: impl Iterator<Item = u64>) -> u64 {
    let (count, bytes) = parts.fold((0_u64, 0), |(count, sum), bytes| (count + 1, sum + bytes));
    bytes + count.saturating_sub(1) + 2
}

fn json<T: Serialize + ?Sized>(value: &T) -> u64 {
    // Every value of a file has a form in JSON; nothing would be reported if one had none.
    json_bytes(value).unwrap_or(0)
}
