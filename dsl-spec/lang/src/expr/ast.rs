//! The tree of an expression, as it is stored with the plan.

use serde::{Deserialize, Serialize};
use vocab::Value;

use super::{Function, Reference, StatusFunction};
use crate::Span;

/// An expression and where it stands in its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expr {
    /// What it says.
    pub kind: ExprKind,
    /// Where it was written.
    pub span: Span,
}

/// What an expression says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExprKind {
    /// A value that stands there.
    Literal(Value),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `#{ key: a }`; each key once.
    Map(Vec<(String, Expr)>),
    /// A name from outside: `inputs.x`, `steps.x.outputs.y`, …
    Reference(Reference),
    /// `success()`, `failure()`, `always()`, `cancelled()`.
    Status(StatusFunction),
    /// `base.name`, or `base?.name`, which is null where there is nothing.
    Property {
        /// What is looked into.
        base: Box<Expr>,
        /// The field or key.
        name: String,
        /// Whether it was written `?.`.
        safe: bool,
    },
    /// `base[index]`, or `base?[index]`, which is null where there is nothing.
    Index {
        /// What is looked into.
        base: Box<Expr>,
        /// The position or key.
        index: Box<Expr>,
        /// Whether it was written `?[`.
        safe: bool,
    },
    /// `!a`.
    Not(Box<Expr>),
    /// `-a`.
    Negate(Box<Expr>),
    /// `a && b && …`: the first false decides.
    And(Vec<Expr>),
    /// `a || b || …`: the first true decides.
    Or(Vec<Expr>),
    /// `a ?? b ?? …`: the first that is not null.
    Coalesce(Vec<Expr>),
    /// An operator between two.
    Binary {
        /// Which.
        op: BinaryOp,
        /// On its left.
        left: Box<Expr>,
        /// On its right.
        right: Box<Expr>,
    },
    /// A function of the language.
    Call {
        /// Which.
        function: Function,
        /// What it gets.
        arguments: Vec<Expr>,
    },
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinaryOp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

impl BinaryOp {
    const TABLE: [(Self, &'static str); 11] = [
        (Self::Equal, "=="),
        (Self::NotEqual, "!="),
        (Self::Less, "<"),
        (Self::LessOrEqual, "<="),
        (Self::Greater, ">"),
        (Self::GreaterOrEqual, ">="),
        (Self::Add, "+"),
        (Self::Subtract, "-"),
        (Self::Multiply, "*"),
        (Self::Divide, "/"),
        (Self::Remainder, "%"),
    ];

    /// How it is written.
    pub fn symbol(self) -> &'static str {
        Self::TABLE.iter().find(|(op, _)| *op == self).map_or("", |(_, symbol)| symbol)
    }

    pub(crate) fn of_symbol(symbol: &str) -> Option<Self> {
        Self::TABLE.iter().find(|(_, known)| *known == symbol).map(|(op, _)| *op)
    }

    /// Whether it asks if both are the same.
    pub const fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }

    /// Whether it asks which one is greater.
    pub const fn is_order(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual)
    }
}

impl Expr {
    /// Calls `visit` for this expression and every part of it, outermost first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Reference(_) | ExprKind::Status(_) => {}
            ExprKind::List(parts)
            | ExprKind::And(parts)
            | ExprKind::Or(parts)
            | ExprKind::Coalesce(parts) => {
                for part in parts {
                    part.walk(visit);
                }
            }
            ExprKind::Call { arguments, .. } => arguments.iter().for_each(|part| part.walk(visit)),
            ExprKind::Map(entries) => entries.iter().for_each(|(_, part)| part.walk(visit)),
            ExprKind::Property { base, .. } => base.walk(visit),
            ExprKind::Not(inner) | ExprKind::Negate(inner) => inner.walk(visit),
            ExprKind::Index { base: left, index: right, .. } | ExprKind::Binary { left, right, .. } => {
                left.walk(visit);
                right.walk(visit);
            }
        }
    }

    /// Everything from outside that it reads, with the place of each.
    pub fn references(&self) -> Vec<(&Reference, Span)> {
        let mut found = Vec::new();
        self.walk(&mut |part| {
            if let ExprKind::Reference(reference) = &part.kind {
                found.push((reference, part.span));
            }
        });
        found
    }

    /// Whether it asks for the status of the run or of what the step needs.
    pub fn uses_status(&self) -> bool {
        let mut found = false;
        self.walk(&mut |part| found |= matches!(part.kind, ExprKind::Status(_)));
        found
    }

    /// Whether it is the same in every run.
    pub fn is_constant(&self) -> bool {
        self.references().is_empty() && !self.uses_status()
    }
}
