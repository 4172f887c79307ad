//! Text to a tree of nodes, each with its place in the file.

mod compose;
mod node;
mod plain;
mod scalar;
mod source;
mod span;

pub(crate) use compose::{compose, too_large};
pub(crate) use node::{Entry, Node, NodeKind, Scalar, ScalarForm};
pub(crate) use plain::cut;
pub(crate) use scalar::ScalarMap;
pub use source::SourceFile;
pub use span::Span;
pub(crate) use span::Spanned;
