//! What the parser hands on: a tree whose names mean nothing yet, or why there is none.

use vocab::Value;

use super::BinaryOp;
use crate::diagnostic::Code;

/// A part of an expression before its names mean anything. Places are characters of the expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Raw {
    pub(crate) kind: RawKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RawKind {
    Literal(Value),
    Name(String),
    List(Vec<Raw>),
    Map(Vec<(String, Raw)>),
    Property(Box<Raw>, String, bool),
    Index(Box<Raw>, Box<Raw>, bool),
    Not(Box<Raw>),
    Negate(Box<Raw>),
    And(Vec<Raw>),
    Or(Vec<Raw>),
    Coalesce(Vec<Raw>),
    Binary(BinaryOp, Box<Raw>, Box<Raw>),
    Call(String, Vec<Raw>),
}

/// Why a text is no expression, and the characters at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Fault {
    pub(super) fn new(code: Code, start: usize, end: usize, message: impl Into<String>) -> Self {
        Self { code, start, end: end.max(start + 1), message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
