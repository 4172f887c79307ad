//! Evaluates expressions, within limits. What is not certain fails: nothing here turns into `false` in silence.

mod access;
mod functions;
mod operators;

use vocab::{Limits, Type, Value};

use super::{Expr, ExprKind, Reference, StatusFunction};
use crate::Span;

/// Where an expression finds what it reads.
pub trait Scope {
    /// The value of a reference; `Value::Null` where there is none. `None` when this run can never know it, such as
    /// the commit of a file outside a repository: then the expression fails.
    fn lookup(&self, reference: &Reference) -> Option<Value>;

    /// The answer of a status function.
    fn status(&self, function: StatusFunction) -> bool;
}

/// Why an expression has no value, and where it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct EvalError {
    /// What went wrong.
    pub problem: EvalProblem,
    /// The part of the expression that failed.
    pub span: Span,
}

/// What went wrong in an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalProblem {
    /// A name that this run does not know.
    #[error("`{0}` is not known in this run")]
    Unknown(String),
    /// A null where none may be.
    #[error("{0} is null; give it a value with `??` or reach into it with `?.`")]
    Null(String),
    /// A value of another type than the operator or function takes.
    #[error("{0}")]
    Type(String),
    /// A number that does not fit.
    #[error("`{0}` gives a number that does not fit into 64 bits")]
    Overflow(&'static str),
    /// A division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// An index or a key that is not there.
    #[error("{0}")]
    Absent(String),
    /// A text that cannot be read as asked.
    #[error("{0}")]
    Unreadable(String),
    /// A limit was met.
    #[error("the expression needs more than {limit} {unit} (limit `{key}`)")]
    Limit {
        /// The key in the configuration.
        key: &'static str,
        /// The bound.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
}

impl Expr {
    /// The value of the expression.
    ///
    /// # Errors
    /// As [`Template::evaluate`](super::Template::evaluate).
    pub fn evaluate(&self, scope: &dyn Scope, limits: &Limits) -> Result<Value, EvalError> {
        Evaluation::new(scope, limits).expr(self)
    }

    /// The answer of a condition.
    ///
    /// # Errors
    /// As [`Expr::evaluate`], and when the value is no boolean.
    pub fn holds(&self, scope: &dyn Scope, limits: &Limits) -> Result<bool, EvalError> {
        Evaluation::new(scope, limits).boolean(self)
    }
}

/// One evaluation and what it may still spend.
pub(super) struct Evaluation<'a> {
    scope: &'a dyn Scope,
    limits: &'a Limits,
    operations: u64,
    bytes: u64,
}

impl<'a> Evaluation<'a> {
    pub(super) const fn new(scope: &'a dyn Scope, limits: &'a Limits) -> Self {
        Self { scope, limits, operations: 0, bytes: 0 }
    }

    /// Counts bytes that a value newly takes.
    pub(super) fn pay(&mut self, bytes: usize, span: Span) -> Result<(), EvalError> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.limits.value_bytes {
            let limit = self.limits.value_bytes;
            return fail(EvalProblem::Limit { key: "value_bytes", limit, unit: "bytes" }, span);
        }
        Ok(())
    }

    /// Counts work.
    fn work(&mut self, operations: usize, span: Span) -> Result<(), EvalError> {
        self.operations = self.operations.saturating_add(operations as u64);
        let limit = self.limits.expression_operations;
        if self.operations > limit {
            return fail(
                EvalProblem::Limit { key: "expression_operations", limit, unit: "operations" },
                span,
            );
        }
        Ok(())
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Result<Value, EvalError> {
        self.work(1, expr.span)?;
        match &expr.kind {
            ExprKind::Literal(value) => Ok(value.clone()),
            ExprKind::List(parts) => {
                parts.iter().map(|part| self.expr(part)).collect::<Result<_, _>>().map(Value::List)
            }
            ExprKind::Map(entries) => entries
                .iter()
                .map(|(key, part)| Ok((key.clone(), self.expr(part)?)))
                .collect::<Result<_, _>>()
                .map(Value::Map),
            ExprKind::Reference(reference) => self.lookup(reference, expr.span),
            ExprKind::Status(function) => Ok(Value::Bool(self.scope.status(*function))),
            ExprKind::Property { base, name, safe } => {
                let base = self.expr(base)?;
                access::property(base, name, *safe, expr.span)
            }
            ExprKind::Index { base, index, safe } => {
                let base = self.expr(base)?;
                if *safe && base == Value::Null {
                    return Ok(Value::Null);
                }
                let index = self.expr(index)?;
                access::item(base, &index, *safe, expr.span)
            }
            ExprKind::Not(inner) => Ok(Value::Bool(!self.boolean(inner)?)),
            ExprKind::Negate(inner) => operators::negate(&self.expr(inner)?, expr.span),
            ExprKind::And(parts) => {
                for part in parts {
                    if !self.boolean(part)? {
                        return Ok(Value::Bool(false));
                    }
                }
                Ok(Value::Bool(true))
            }
            ExprKind::Or(parts) => {
                for part in parts {
                    if self.boolean(part)? {
                        return Ok(Value::Bool(true));
                    }
                }
                Ok(Value::Bool(false))
            }
            ExprKind::Coalesce(parts) => {
                for part in parts {
                    let value = self.expr(part)?;
                    if value != Value::Null {
                        return Ok(value);
                    }
                }
                Ok(Value::Null)
            }
            ExprKind::Binary { op, left, right } => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                let value = operators::binary(*op, &left, &right, expr.span)?;
                if let Value::String(text) = &value {
                    self.pay(text.len(), expr.span)?;
                }
                Ok(value)
            }
            ExprKind::Call { function, arguments } => {
                let values: Vec<_> =
                    arguments.iter().map(|part| self.expr(part)).collect::<Result<_, _>>()?;
                functions::call(self, *function, &values, expr.span)
            }
        }
    }

    fn lookup(&mut self, reference: &Reference, span: Span) -> Result<Value, EvalError> {
        let value = self
            .scope
            .lookup(reference)
            .ok_or_else(|| EvalError { problem: EvalProblem::Unknown(reference.to_string()), span })?;
        let (operations, bytes) = size(&value);
        self.work(operations, span)?;
        self.pay(bytes, span)?;
        Ok(value)
    }

    fn boolean(&mut self, expr: &Expr) -> Result<bool, EvalError> {
        match self.expr(expr)? {
            Value::Bool(flag) => Ok(flag),
            Value::Null => fail(EvalProblem::Null(what(expr)), expr.span),
            other => mismatch(&Type::Boolean, &other, expr.span),
        }
    }

    /// The value as a part of a text.
    pub(super) fn text(&mut self, expr: &Expr) -> Result<String, EvalError> {
        match self.expr(expr)? {
            Value::Null => fail(EvalProblem::Null(what(expr)), expr.span),
            value => as_text(&value, expr.span),
        }
    }
}

/// A scalar as text. Lists, maps, artifacts and secrets have none.
fn as_text(value: &Value, span: Span) -> Result<String, EvalError> {
    match value {
        Value::String(_) | Value::Integer(_) | Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null => fail(EvalProblem::Null("the value".to_owned()), span),
        other => fail(EvalProblem::Type(format!("a {} does not become a text", other.kind())), span),
    }
}

fn what(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Reference(reference) => format!("`{reference}`"),
        _ => "the value".to_owned(),
    }
}

fn fail<T>(problem: EvalProblem, span: Span) -> Result<T, EvalError> {
    Err(EvalError { problem, span })
}

fn mismatch<T>(want: &Type, found: &Value, span: Span) -> Result<T, EvalError> {
    if *found == Value::Null {
        return fail(EvalProblem::Null("the value".to_owned()), span);
    }
    fail(EvalProblem::Type(format!("expected {want}, found {}", found.kind())), span)
}

/// How many values there are in a value, and about how many bytes they take.
fn size(value: &Value) -> (usize, usize) {
    let sum = |(count, bytes): (usize, usize), (more, larger): (usize, usize)| (count + more, bytes + larger);
    match value {
        Value::String(text) => (1, text.len()),
        Value::List(items) => items.iter().map(size).fold((1, 2), sum),
        Value::Map(entries) => {
            entries.iter().map(|(key, item)| sum((0, key.len()), size(item))).fold((1, 2), sum)
        }
        Value::Artifact(_) => (1, 128),
        Value::Secret(secret) => (1, secret.0.len()),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Number(_) => (1, 8),
    }
}
