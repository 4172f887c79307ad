//! The expression language: rhai's grammar, our own tree, types and evaluation.

mod ast;
mod convert;
mod eval;
mod function;
mod guard;
mod infer;
mod literals;
mod parse;
mod raw;
mod reference;
mod template;

pub use ast::{BinaryOp, Expr, ExprKind};
pub(crate) use convert::convert;
pub use eval::{EvalError, EvalProblem, Scope};
pub use function::Function;
pub(crate) use guard::end_of_expression;
pub(crate) use infer::{
    Typing, describe, fits, infer, infer_condition, infer_text_part, may_be_null, of_value,
};
pub use reference::{EachField, Reference, RunField, StatusFunction, TriggerField};
pub use template::{Part, Template};

/// Characters that one expression may have.
pub(crate) const LONGEST: usize = 2048;

/// Levels that one expression may nest. With the levels of [`DEEPEST_VALUE`] a plan stays readable by JSON
/// parsers, which stop at 128.
pub(crate) const DEEPEST: usize = 16;

/// Levels of lists and maps that a value in a workflow may nest.
pub(crate) const DEEPEST_VALUE: usize = 12;
