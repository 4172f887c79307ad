//! `POST /api/v1/lint`: the diagnostics of a text, with places.

use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::{LintAnswer, WorkflowText};
use crate::problem::Problem;
use crate::reply::{self, Body};

pub(super) async fn lint(factory: &Factory, caller: &Caller, text: WorkflowText) -> Result<Body, Problem> {
    let compilation = compile(factory, caller, text).await?;
    Ok(reply::ok(&LintAnswer {
        diagnostics: compilation.diagnostics.iter().map(lang::Diagnostic::to_json).collect(),
        omitted: compilation.omitted,
    }))
}

/// Compiles a text with the trust of the project that it is meant for.
pub(super) async fn compile(
    factory: &Factory,
    caller: &Caller,
    text: WorkflowText,
) -> Result<lang::Compilation, Problem> {
    let trust_host = match &text.project {
        Some(name) => crate::routes::project(factory, &caller.tenant, name).await?.trust_host,
        None => false,
    };
    let file: String = text.file.chars().take(300).collect();
    Ok(factory.compile(&file, text.text.as_bytes(), trust_host))
}
