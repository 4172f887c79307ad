//! A value of a workflow with expressions in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vocab::{Limits, Value};

use super::eval::{Evaluation, Scope};
use super::{EvalError, Expr, Reference};
use crate::Span;

/// A value that is complete once its expressions are evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// A value that stands there, without expressions.
    Literal(Value),
    /// A whole `${{ … }}`, which keeps its type.
    Expr(Expr),
    /// A text with expressions inside.
    Text(Vec<Part>),
    /// A list with an expression somewhere in it.
    List(Vec<Template>),
    /// A map with an expression somewhere in it.
    Map(BTreeMap<String, Template>),
}

/// A part of a text with expressions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// The value of an expression, as text.
    Expr(Expr),
}

impl Template {
    /// The value, with every expression evaluated.
    ///
    /// # Errors
    /// When an expression fails (a null where none may be, an overflow, an index out of range, …) or a limit is met:
    /// `expression_operations` for the whole value, `value_bytes` for its size.
    pub fn evaluate(&self, scope: &dyn Scope, limits: &Limits) -> Result<Value, EvalError> {
        let mut evaluation = Evaluation::new(scope, limits);
        self.evaluate_in(&mut evaluation)
    }

    fn evaluate_in(&self, evaluation: &mut Evaluation<'_>) -> Result<Value, EvalError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expr(expr) => evaluation.expr(expr),
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(plain) => text.push_str(plain),
                        Part::Expr(expr) => text.push_str(&evaluation.text(expr)?),
                    }
                }
                let span = parts.iter().find_map(|part| match part {
                    Part::Expr(expr) => Some(expr.span),
                    Part::Text(_) => None,
                });
                evaluation.pay(text.len(), span.unwrap_or_default())?;
                Ok(Value::String(text))
            }
            Self::List(items) => items
                .iter()
                .map(|item| item.evaluate_in(evaluation))
                .collect::<Result<_, _>>()
                .map(Value::List),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, entry)| Ok((key.clone(), entry.evaluate_in(evaluation)?)))
                .collect::<Result<_, _>>()
                .map(Value::Map),
        }
    }

    /// Calls `visit` for each expression, in the order of the file.
    pub fn each_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Literal(_) => {}
            Self::Expr(expr) => visit(expr),
            Self::Text(parts) => parts.iter().for_each(|part| {
                if let Part::Expr(expr) = part {
                    visit(expr);
                }
            }),
            Self::List(items) => items.iter().for_each(|item| item.each_expr(visit)),
            Self::Map(entries) => entries.values().for_each(|entry| entry.each_expr(visit)),
        }
    }

    /// Everything from outside that it reads.
    pub fn references(&self) -> Vec<(&Reference, Span)> {
        let mut found = Vec::new();
        self.each_expr(&mut |expr| found.extend(expr.references()));
        found
    }

    /// The value, when it has no expressions.
    pub const fn literal(&self) -> Option<&Value> {
        match self {
            Self::Literal(value) => Some(value),
            _ => None,
        }
    }
}
