//! `if`: a boolean that is not always the same, and that can hold where it stands.

use vocab::Value;

use super::Context;
use super::place::{Here, Place};
use super::steps::Part;
use super::values::constant;
use crate::diagnostic::{Code, Finding, Findings};
use crate::expr::{BinaryOp, Expr, ExprKind, Reference, StatusFunction, infer_condition};

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
    if part == Part::Body {
        if !condition.uses_status() {
            check_gate(context, condition, findings);
        } else if truth(condition, Some(false)) == Some(false) && truth(condition, None).is_none() {
            let message = "this never holds: once a run is cancelled, no step of the body starts any more";
            findings.push(Finding::new(Code::NeverHolds, condition.span, message).help(
                "what a cancelled run has to do stands under `finally`: `if: cancelled()` holds there",
            ));
        }
    }
}

/// What a condition comes to, as far as `cancelled()` alone decides it. `None` where other things do.
fn truth(condition: &Expr, cancelled: Option<bool>) -> Option<bool> {
    let chain = |parts: &[Expr], end: bool| {
        let mut whole = Some(!end);
        for part in parts {
            match truth(part, cancelled) {
                Some(value) if value == end => return Some(end),
                Some(_) => {}
                None => whole = None,
            }
        }
        whole
    };
    match &condition.kind {
        ExprKind::Literal(Value::Bool(value)) => Some(*value),
        ExprKind::Status(StatusFunction::Cancelled) => cancelled,
        ExprKind::Status(StatusFunction::Always) => Some(true),
        ExprKind::Not(inner) => truth(inner, cancelled).map(|value| !value),
        ExprKind::And(parts) => chain(parts, false),
        ExprKind::Or(parts) => chain(parts, true),
        ExprKind::Binary { op, left, right } if op.is_equality() => {
            let same = truth(left, cancelled)? == truth(right, cancelled)?;
            Some(same == (*op == BinaryOp::Equal))
        }
        _ => None,
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
