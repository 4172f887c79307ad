//! From a file to a workflow, or to everything that is wrong with it.

use std::collections::BTreeMap;

use vocab::{ActionManifest, ActionRef, Limits};

use crate::check::check;
use crate::diagnostic::{Finding, Findings};
use crate::document::read;
use crate::syntax::{compose, too_large};
use crate::{Code, Diagnostic, SourceFile, Span, Workflow};

/// What the operator allows the project that a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Nothing that a tenant wrote runs on the host.
    #[default]
    Isolated,
    /// A tenant's code may run on the host (`--trust host`).
    Host,
}

/// How to compile.
#[derive(Debug, Clone, Default)]
pub struct CompileOptions {
    /// The bounds for files and expressions.
    pub limits: Limits,
    /// What the project may do.
    pub trust: Trust,
}

/// The actions that a workflow may use.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    actions: BTreeMap<ActionRef, ActionManifest>,
}

impl Catalogue {
    /// A catalogue of these actions. Of two with the same name and version, the last one counts.
    pub fn new(actions: impl IntoIterator<Item = ActionManifest>) -> Self {
        let actions = actions.into_iter().map(|manifest| (manifest.action.clone(), manifest)).collect();
        Self { actions }
    }

    /// The action of that name and version.
    pub fn get(&self, action: &ActionRef) -> Option<&ActionManifest> {
        self.actions.get(action)
    }

    /// All actions, sorted by name and version.
    pub fn iter(&self) -> impl Iterator<Item = &ActionManifest> {
        self.actions.values()
    }
}

/// What compiling a file gave.
#[derive(Debug, Clone)]
pub struct Compilation {
    /// The workflow; there is one exactly when no diagnostic is an error.
    pub workflow: Option<Workflow>,
    /// Errors and warnings in the order of the file; the first 200.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there were.
    pub omitted: usize,
}

/// Compiles a file: all problems at once, or a workflow that holds together.
///
/// Any input ends in diagnostics, never in a panic: the size, the nesting and the expansion of the file, and the
/// length and the nesting of its expressions, are bounded before they are walked.
pub fn compile(source: &SourceFile, catalogue: &Catalogue, options: &CompileOptions) -> Compilation {
    let mut findings = Findings::default();
    let workflow = compose(source, &options.limits, &mut findings)
        .map(|root| read(&root, source, &mut findings))
        .and_then(|document| check(document, catalogue, options, &mut findings));
    let workflow = workflow.filter(|_| !findings.any_error());
    let (diagnostics, omitted) = findings.finish(source);
    Compilation { workflow, diagnostics, omitted }
}

/// What [`compile`] says of a file that its owner did not read, since it has more bytes than the limit.
pub fn refuse_too_large(file: &str, bytes: u64, limits: &Limits) -> Compilation {
    let mut findings = Findings::default();
    findings.push(too_large(bytes, limits.workflow_bytes));
    refuse(file, findings)
}

/// What is said of a workflow in a repository that is a symbolic link.
pub fn refuse_link(file: &str) -> Compilation {
    let mut findings = Findings::default();
    let message = "the file is a symbolic link, which is not followed";
    let help = "put the workflow itself there: what a link leads to is not part of the commit that is read";
    findings.push(Finding::new(Code::Link, Span::default(), message).help(help));
    refuse(file, findings)
}

fn refuse(file: &str, findings: Findings) -> Compilation {
    let (diagnostics, omitted) = findings.finish(&SourceFile::from_bytes(file, b""));
    Compilation { workflow: None, diagnostics, omitted }
}
