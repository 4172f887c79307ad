//! `if`: a boolean that is not always the same, and that the gate can let through.

use vocab::Value;

use super::Context;
use super::place::{Here, Place};
use super::steps::Part;
use super::values::constant;
use crate::diagnostic::{Code, Finding, Findings};
use crate::expr::{BinaryOp, Expr, ExprKind, Reference, infer_condition};

pub(super) fn check(context: &Context<'_>, part: Part, index: usize, findings: &mut Findings) {
    let steps = context.part(part);
    let Some(condition) = &steps.drafts[index].condition else { return };
    let before = findings.errors();
    infer_condition(condition, &Place::new(context, Here::Condition(part, index)), findings);
    if let Some(Value::Bool(value)) = constant(condition, &context.options.limits, before, findings) {
        let message = format!("this condition is always {value}");
        let help = if value { "leave out `if`" } else { "the step never runs; remove it" };
        findings.push(Finding::new(Code::ConstantCondition, condition.span, message).help(help));
    }
    if part == Part::Body && !condition.uses_status() {
        check_gate(context, condition, findings);
    }
}

/// The gate `success()` lets a step through only when what it needs succeeded or was skipped. A condition that asks
/// for something else can then never hold.
fn check_gate(context: &Context<'_>, condition: &Expr, findings: &mut Findings) {
    match &condition.kind {
        ExprKind::And(parts) => parts.iter().for_each(|part| check_gate(context, part, findings)),
        ExprKind::Binary { op: BinaryOp::Equal, left, right } => {
            let (step, word) = match (&left.kind, &right.kind) {
                (ExprKind::Reference(Reference::Result { step }), ExprKind::Literal(Value::String(word)))
                | (ExprKind::Literal(Value::String(word)), ExprKind::Reference(Reference::Result { step })) => {
                    (step, word.as_str())
                }
                _ => return,
            };
            let allowed =
                context.body.find(step).is_none_or(|index| context.body.drafts[index].allow_failure);
            let blocked = match word {
                "failed" | "timed_out" => !allowed,
                "not_reached" | "cancelled" => true,
                _ => false,
            };
            if blocked {
                let message = format!(
                    "this never holds: unless `{step}` succeeded or was skipped, the gate `success()` stops this step"
                );
                findings.push(
                    Finding::new(Code::NeverHolds, condition.span, message)
                        .help("a status function replaces the gate: `failure() && …` or `always() && …`"),
                );
            }
        }
        _ => {}
    }
}
