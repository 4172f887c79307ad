//! Types of operators between two values.

use vocab::Type;

use super::{Inference, describe, is_text};
use crate::Span;
use crate::diagnostic::{Code, Finding, nearest};
use crate::expr::{BinaryOp, Expr};

impl Inference<'_> {
    pub(super) fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Type {
        let (one, other) = (self.settled(left), self.settled(right));
        if one == Type::Secret || other == Type::Secret {
            let message = format!("a secret cannot stand beside `{}`", op.symbol());
            self.report(Finding::new(Code::SecretInText, span, message));
        } else if op.is_equality() {
            self.equality(op, &one, &other, span);
        } else if op.is_order() {
            self.order(op, &one, &other, span);
        } else {
            return self.arithmetic(op, &one, &other, span);
        }
        if op.is_equality() || op.is_order() { Type::Boolean } else { Type::Any }
    }

    fn equality(&mut self, op: BinaryOp, left: &Type, right: &Type, span: Span) {
        match (left, right) {
            (Type::Enum(words), Type::Enum(others)) if !words.iter().any(|word| others.contains(word)) => {
                // Two literals that differ are a constant, which is told as such.
                let (known, given) =
                    if words.len() >= others.len() { (words, others) } else { (others, words) };
                if known.len() > 1 {
                    let given = given.first().map_or("", String::as_str);
                    let meant = nearest(given, known.iter().map(String::as_str));
                    let suggestion =
                        meant.map(|found| format!("; did you mean `{found}`?")).unwrap_or_default();
                    let message = format!("this is never `{given}`{suggestion}");
                    let finding = Finding::new(Code::UnlikeTypes, span, message);
                    self.report(finding.help(format!("it is one of: {}", known.join(", "))));
                }
            }
            (left, right) if alike(left, right) => {}
            (Type::Duration | Type::Size, _) | (_, Type::Duration | Type::Size) => {
                let message = "durations and sizes are not compared: the same amount has several spellings";
                self.report(Finding::new(Code::UnlikeTypes, span, message));
            }
            _ => self.unlike(op, left, right, span),
        }
    }

    fn order(&mut self, op: BinaryOp, left: &Type, right: &Type, span: Span) {
        let number = |ty: &Type| matches!(ty, Type::Integer | Type::Number | Type::Any);
        if number(left) && number(right) {
            return;
        }
        if is_text(left) && is_text(right) {
            let message = format!("`{}` goes between numbers; texts have no order", op.symbol());
            let finding = Finding::new(Code::UnlikeTypes, span, message);
            self.report(finding.help("`integer(text)` makes a number of a text of digits"));
        } else {
            self.unlike(op, left, right, span);
        }
    }

    fn arithmetic(&mut self, op: BinaryOp, left: &Type, right: &Type, span: Span) -> Type {
        match (left, right) {
            (Type::Any, _) | (_, Type::Any) => Type::Any,
            (Type::Integer, Type::Integer) => Type::Integer,
            (Type::Integer | Type::Number, Type::Integer | Type::Number) => Type::Number,
            (left, right) if op == BinaryOp::Add && is_text(left) && is_text(right) => Type::String,
            _ => {
                self.unlike(op, left, right, span);
                Type::Any
            }
        }
    }

    fn unlike(&mut self, op: BinaryOp, left: &Type, right: &Type, span: Span) {
        let message =
            format!("`{}` does not go between {} and {}", op.symbol(), describe(left), describe(right));
        let finding = Finding::new(Code::UnlikeTypes, span, message);
        let mixed = is_text(left) != is_text(right);
        let help = if mixed && op == BinaryOp::Add {
            Some("`string(value)` makes a text; `\"… ${{ value }}\"` is shorter")
        } else if mixed {
            Some("`string(value)` and `integer(text)` make one type of both")
        } else {
            None
        };
        self.report(finding.maybe_help(help.map(str::to_owned)));
    }
}

/// Whether two values may be asked for equality.
pub(super) fn alike(left: &Type, right: &Type) -> bool {
    let number = |ty: &Type| matches!(ty, Type::Integer | Type::Number);
    let text = |ty: &Type| matches!(ty, Type::String | Type::Enum(_) | Type::Digest);
    match (left, right) {
        (Type::Any, _) | (_, Type::Any) | (Type::Boolean, Type::Boolean) => true,
        (left, right) => number(left) && number(right) || text(left) && text(right),
    }
}
