//! Operators on values. Unlike types and nulls fail; so do overflow and division by zero.

use std::cmp::Ordering;

use vocab::Value;

use super::{EvalError, EvalProblem, fail};
use crate::Span;
use crate::expr::BinaryOp;

/// `-value`.
pub(super) fn negate(value: &Value, span: Span) -> Result<Value, EvalError> {
    match value {
        Value::Integer(number) => {
            let negated = number.checked_neg().map(Value::Integer);
            negated.ok_or(EvalError { problem: EvalProblem::Overflow("-"), span })
        }
        Value::Number(number) => Ok(Value::Number(-number)),
        Value::Null => fail(EvalProblem::Null("what stands behind `-`".to_owned()), span),
        other => fail(EvalProblem::Type(format!("`-` takes a number, not a {}", other.kind())), span),
    }
}

/// `left op right`.
pub(super) fn binary(op: BinaryOp, left: &Value, right: &Value, span: Span) -> Result<Value, EvalError> {
    for (value, side) in [(left, "left"), (right, "right")] {
        if *value == Value::Null {
            return fail(EvalProblem::Null(format!("what stands on the {side} of `{}`", op.symbol())), span);
        }
    }
    let unlike = || {
        let message = format!("`{}` does not go between {} and {}", op.symbol(), left.kind(), right.kind());
        EvalError { problem: EvalProblem::Type(message), span }
    };
    if op.is_equality() {
        let same = match (left, right) {
            (Value::String(left), Value::String(right)) => left == right,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            _ => compare(left, right).ok_or_else(unlike)? == Ordering::Equal,
        };
        return Ok(Value::Bool(same == (op == BinaryOp::Equal)));
    }
    if op.is_order() {
        let order = compare(left, right).ok_or_else(unlike)?;
        return Ok(Value::Bool(match op {
            BinaryOp::Less => order.is_lt(),
            BinaryOp::LessOrEqual => order.is_le(),
            BinaryOp::Greater => order.is_gt(),
            _ => order.is_ge(),
        }));
    }
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => integers(op, *left, *right, span),
        (Value::Integer(_) | Value::Number(_), Value::Integer(_) | Value::Number(_)) => {
            match (float(left), float(right)) {
                (Some(left), Some(right)) => floats(op, left, right, span),
                _ => Err(unlike()),
            }
        }
        (Value::String(left), Value::String(right)) if op == BinaryOp::Add => {
            Ok(Value::String(format!("{left}{right}")))
        }
        _ => Err(unlike()),
    }
}

/// The order of two numbers, exact between whole numbers.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
        _ => float(left)?.partial_cmp(&float(right)?),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a whole number beside one with a fraction is rounded, as the specification says"
)]
const fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

fn integers(op: BinaryOp, left: i64, right: i64, span: Span) -> Result<Value, EvalError> {
    let result = match op {
        BinaryOp::Add => left.checked_add(right),
        BinaryOp::Subtract => left.checked_sub(right),
        BinaryOp::Multiply => left.checked_mul(right),
        _ if right == 0 => return fail(EvalProblem::DivisionByZero, span),
        BinaryOp::Divide => left.checked_div(right),
        _ => left.checked_rem(right),
    };
    result.map(Value::Integer).ok_or(EvalError { problem: EvalProblem::Overflow(op.symbol()), span })
}

fn floats(op: BinaryOp, left: f64, right: f64, span: Span) -> Result<Value, EvalError> {
    let result = match op {
        BinaryOp::Add => left + right,
        BinaryOp::Subtract => left - right,
        BinaryOp::Multiply => left * right,
        _ if right == 0.0 => return fail(EvalProblem::DivisionByZero, span),
        BinaryOp::Divide => left / right,
        _ => left % right,
    };
    if result.is_finite() {
        Ok(Value::Number(result))
    } else {
        fail(EvalProblem::Overflow(op.symbol()), span)
    }
}
