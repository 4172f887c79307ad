//! `lint FILE…`: everything that is wrong, with places.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use lang::{CompileOptions, Severity, SourceFile, Trust};
use serde_json::{Value as Json, json};
use vocab::Limits;

use super::Failure;
use super::args::{ConfigArgs, TrustArg};
use super::setup::Setup;
use crate::catalogue::catalogue;
use crate::ui::{Output, Tone};

/// Check workflows.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  image-factory lint .image-factory/*.yaml\n  image-factory lint --output json --trust host workflow.yaml"
)]
pub(super) struct Lint {
    /// The workflows' files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Allow steps that run on the host
    #[arg(long, value_enum)]
    trust: Option<TrustArg>,
    /// For people or for scripts
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn lint(command: &Lint, setup: &Setup) -> Result<(), Failure> {
    let options = options(setup.limits(&command.config.flags(&[]))?, command.trust);
    let catalogue = catalogue();
    let (mut found, mut errors, mut warnings, mut omitted) = (Vec::new(), 0_usize, 0_usize, 0_usize);
    for path in &command.files {
        let source = match read(path, &options.limits) {
            Ok(source) => source,
            // One that cannot be read does not hide what is wrong with the others.
            Err(failure) => {
                errors += 1;
                if command.output == Output::Text {
                    failure.tell(setup.ui);
                }
                found.push(unreadable(path, &failure));
                continue;
            }
        };
        let compilation = lang::compile(&source, &catalogue, &options);
        omitted += compilation.omitted;
        for diagnostic in compilation.diagnostics {
            let error = diagnostic.severity == Severity::Error;
            errors += usize::from(error);
            warnings += usize::from(!error);
            if command.output == Output::Text {
                setup.ui.line(render(&diagnostic, &source, setup.ui.colours_results()));
            }
            found.push(diagnostic.to_json());
        }
        // What was left out holds errors too when nothing compiled and none was shown.
        errors += usize::from(compilation.workflow.is_none() && errors == 0);
    }
    if command.output == Output::Json {
        setup.ui.json(&found);
    } else {
        let more = if omitted > 0 { format!(", {omitted} more not shown") } else { String::new() };
        let tone = if errors > 0 { Tone::Bad } else { Tone::Good };
        let files = command.files.len();
        let summary = format!("{files} file(s): {errors} error(s), {warnings} warning(s){more}");
        setup.ui.note(setup.ui.paint_note(tone, summary));
    }
    if errors > 0 { Err(Failure::said(1)) } else { Ok(()) }
}

/// A file that cannot be read, in the form of a diagnostic. It breaks no rule of the language, so its code is a word.
fn unreadable(path: &Path, failure: &Failure) -> Json {
    let told = failure.to_json().unwrap_or_default();
    json!({
        "code": "unreadable", "severity": "error", "file": path.to_string_lossy(),
        "line": 1, "column": 1, "end_line": 1, "end_column": 1,
        "message": told["message"], "help": told["help"],
    })
}

/// How files on the command line are compiled.
pub(super) fn options(limits: Limits, trust: Option<TrustArg>) -> CompileOptions {
    let trust = if trust == Some(TrustArg::Host) { Trust::Host } else { Trust::Isolated };
    CompileOptions { limits, trust }
}

/// Reads a workflow, no more of it than the limit allows and one byte.
pub(super) fn read(path: &Path, limits: &Limits) -> Result<SourceFile, Failure> {
    let mut bytes = Vec::new();
    let size = std::fs::File::open(path)
        .and_then(|file| {
            let size = file.metadata()?.len();
            file.take(limits.workflow_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
            Ok(size)
        })
        .map_err(|error| Failure::unreadable(path, &error))?;
    Ok(SourceFile::from_bytes(path.to_string_lossy(), &bytes).cut_from(size))
}

/// A diagnostic for people.
pub(super) fn render(diagnostic: &lang::Diagnostic, source: &SourceFile, colour: bool) -> String {
    if colour { diagnostic.render_coloured(source) } else { diagnostic.render(source) }
}
