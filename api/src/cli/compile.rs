//! A workflow's file for the commands that need it whole: read, compiled, and what is wrong with it told.

use std::path::Path;

use lang::{Catalogue, CompileOptions, Diagnostic, Workflow};

use super::setup::Setup;
use super::{Failure, lint};

/// Compiles a file. Diagnostics are told to the person at once; scripts find them in the failure.
pub(super) fn compile(
    file: &Path,
    options: &CompileOptions,
    catalogue: &Catalogue,
    setup: &Setup,
) -> Result<Workflow, Failure> {
    let source = lint::read(file, &options.limits)?;
    let compilation = lang::compile(&source, catalogue, options);
    for diagnostic in &compilation.diagnostics {
        setup.ui.note(lint::render(diagnostic, &source, setup.ui.colours_notes()));
    }
    if compilation.omitted > 0 {
        setup.ui.note(format!("{} more not shown", compilation.omitted));
    }
    compilation.workflow.ok_or_else(|| {
        let list = compilation.diagnostics.iter().map(Diagnostic::to_json).collect();
        Failure::usage(format!("{} does not compile", file.display())).told_by(list)
    })
}
