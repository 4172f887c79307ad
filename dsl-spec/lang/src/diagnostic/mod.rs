//! What is wrong with a file: codes, messages, places, and how they look on a terminal and in JSON.

mod code;
mod findings;
mod render;
mod suggest;

pub use code::{Code, explain};
pub(crate) use findings::{Finding, Findings};
pub use suggest::nearest;
pub(crate) use suggest::{did_you_mean, listed};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file does not compile.
    Error,
    /// The file compiles, but something in it is likely a mistake.
    Warning,
}

impl Severity {
    /// The word in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place in a file. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Location {
    /// The line of the first character.
    pub line: usize,
    /// The column of the first character.
    pub column: usize,
    /// The line of the end.
    pub end_line: usize,
    /// The column after the last character.
    pub end_column: usize,
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// Another place that belongs to a diagnostic, with a word about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Where.
    pub span: Location,
    /// What is there.
    pub text: String,
}

/// One problem of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The stable code; `explain` has a page about it.
    pub code: Code,
    /// Whether the file compiles all the same.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// How to mend it, where that is known.
    pub help: Option<String>,
    /// The file's name.
    pub file: String,
    /// Where it is.
    pub span: Location,
    /// Other places that belong to it.
    pub labels: Vec<Label>,
}

impl Diagnostic {
    /// The form that scripts read: `{code, severity, file, line, column, end_line, end_column, message, help}`.
    pub fn to_json(&self) -> Json {
        json!({
            "code": self.code.name(),
            "severity": self.severity.name(),
            "file": self.file,
            "line": self.span.line,
            "column": self.span.column,
            "end_line": self.span.end_line,
            "end_column": self.span.end_column,
            "message": self.message,
            "help": self.help,
        })
    }
}
