//! Inputs of the workflow: used by something, and possible to give.

use std::collections::HashSet;

use super::Context;
use crate::diagnostic::{Code, Finding, Findings};
use crate::expr::Reference;

pub(super) fn check(context: &Context<'_>, findings: &mut Findings) {
    let document = context.document;
    let mut used: HashSet<&str> = HashSet::new();
    let mut visit = |expr: &crate::Expr| {
        expr.walk(&mut |part| {
            if let crate::ExprKind::Reference(Reference::Input(name)) = &part.kind
                && let Some(input) = document.inputs.iter().find(|input| input.name.value == *name)
            {
                used.insert(input.name.value.as_str());
            }
        });
    };
    for draft in document.steps.iter().chain(&document.finally) {
        draft.condition.iter().for_each(&mut visit);
        draft.for_each.iter().for_each(|value| value.each_expr(&mut visit));
        draft.with.iter().for_each(|(_, value)| value.each_expr(&mut visit));
    }
    document.concurrency.iter().for_each(|draft| draft.group.each_expr(&mut visit));
    document.outputs.iter().for_each(|(_, value)| value.each_expr(&mut visit));
    // A broken expression might have read it.
    let sound = !findings.any_error();
    for input in &document.inputs {
        let name = &input.name.value;
        if sound && !used.contains(name.as_str()) {
            let message = format!("the input `{name}` is never used");
            findings.push(
                Finding::new(Code::UnusedInput, input.name.span, message)
                    .help(format!("read it as `${{{{ inputs.{name} }}}}`, or remove it")),
            );
        }
        if let Some(push) = document.push.filter(|_| input.input.required) {
            let message = format!("a push gives no inputs, and `{name}` has no default");
            findings.push(
                Finding::new(Code::PushCannotGive, input.name.span, message)
                    .label(push, "runs start here without inputs")
                    .help("give it a `default`, or say `required: false`"),
            );
        }
    }
}
