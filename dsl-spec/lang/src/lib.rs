//! The language of workflows: parse, check, explain. No I/O, no clock.
//!
//! [`compile`] takes a file and the catalogue of actions, and gives a [`Workflow`] or every problem of the file at
//! once. `SPEC.md` beside this crate holds the rules; `codes/` has a page for each code.

mod check;
mod compile;
mod diagnostic;
mod document;
mod expr;
mod model;
mod schema;
mod syntax;

pub use compile::{Catalogue, Compilation, CompileOptions, Trust, compile, refuse_link, refuse_too_large};
pub use diagnostic::{Code, Diagnostic, Label, Location, Severity, explain, nearest};
pub use expr::{
    BinaryOp, EachField, EvalError, EvalProblem, Expr, ExprKind, Function, Part, Reference, RunField, Scope,
    StatusFunction, Template, TriggerField,
};
pub use model::{
    Backoff, CachePolicy, Compensate, Concurrency, Input, InputError, OnFailure, PushTrigger, Retry, Step,
    Triggers, Workflow,
};
pub use schema::workflow_schema;
pub use syntax::{SourceFile, Span};
