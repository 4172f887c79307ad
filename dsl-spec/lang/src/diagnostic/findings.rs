//! Collects problems while a file is read and checked, and puts them in order at the end.

use std::collections::HashSet;

use super::{Code, Diagnostic, Label, Severity};
use crate::{SourceFile, Span};

/// More than this helps nobody; what comes after is counted only.
const MOST: usize = 200;

/// A problem whose place is still a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Finding {
    code: Code,
    span: Span,
    message: String,
    help: Option<String>,
    labels: Vec<(Span, String)>,
}

impl Finding {
    pub(crate) fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), help: None, labels: Vec::new() }
    }

    /// Says how to mend it.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says how to mend it, where that is known.
    #[must_use]
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Points at another place too.
    #[must_use]
    pub(crate) fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push((span, text.into()));
        self
    }

    fn locate(self, source: &SourceFile) -> Diagnostic {
        Diagnostic {
            severity: self.code.severity(),
            code: self.code,
            message: self.message,
            help: self.help,
            file: source.name().to_owned(),
            span: source.locate(self.span),
            labels: self
                .labels
                .into_iter()
                .map(|(span, text)| Label { span: source.locate(span), text })
                .collect(),
        }
    }
}

/// The problems found so far, each once.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    seen: HashSet<Finding>,
    errors: usize,
    omitted: usize,
}

impl Findings {
    /// Adds a problem. One that an alias brings again counts once.
    pub(crate) fn push(&mut self, finding: Finding) {
        let error = finding.code.severity() == Severity::Error;
        if self.list.len() >= MOST {
            // An error is never lost behind warnings: the file must not compile.
            self.errors += usize::from(error);
            self.omitted += 1;
        } else if self.seen.insert(finding.clone()) {
            self.errors += usize::from(error);
            self.list.push(finding);
        }
    }

    /// Whether the file fails to compile.
    pub(crate) const fn any_error(&self) -> bool {
        self.errors > 0
    }

    /// How many errors there are so far: whoever needs to know if a part is sound compares before and after.
    pub(crate) const fn errors(&self) -> usize {
        self.errors
    }

    /// The problems in the order of the file, and how many more there were.
    pub(crate) fn finish(self, source: &SourceFile) -> (Vec<Diagnostic>, usize) {
        let mut list: Vec<_> = self.list.into_iter().map(|finding| finding.locate(source)).collect();
        list.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.code));
        (list, self.omitted)
    }
}
