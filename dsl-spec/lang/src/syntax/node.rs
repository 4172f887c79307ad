//! The tree that a YAML document becomes. Aliases share nodes, so that expansion costs no memory.

use std::rc::Rc;

use super::{Span, Spanned};

/// How a text was written: it decides how characters of the text map to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarForm {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Block,
}

/// A text, and how it was written.
#[derive(Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) form: ScalarForm,
}

/// A key of a map and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Spanned<String>,
    pub(crate) value: Rc<Node>,
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Scalar(Scalar),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

/// A value and where it stands. Behind an alias it stands where the anchor is.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) span: Span,
    pub(crate) weight: Weight,
}

/// What a node costs once its aliases are expanded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weight {
    pub(crate) nodes: u64,
    pub(crate) bytes: u64,
    pub(crate) depth: u64,
}

impl Node {
    /// What it is, in words with an article.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            NodeKind::List(_) => "a list".to_owned(),
            NodeKind::Map(_) => "a map".to_owned(),
            NodeKind::Scalar(scalar) => scalar.describe(),
        }
    }
}
