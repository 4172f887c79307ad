//! `POST /api/v1/lint`: the diagnostics of a text, with places.

use std::sync::Arc;

use warp::Filter as _;

use crate::factory::Factory;
use crate::filters::{self, Caller};
use crate::model::{LintAnswer, WorkflowText};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, Route, Shape, Verb};
use crate::routes::workflow_limit;

pub(super) const ROUTE: Route = Route {
    verb: Verb::Post,
    path: "/api/v1/lint",
    purpose: "Checks the text of a workflow: errors and warnings with their places.",
    more: "A text with errors is answered with 200 too: the diagnostics are what was asked for. Each `code` has a page: \
        `image-factory explain IF0012`.",
    body: Some(Shape::of::<WorkflowText>()),
    answers: &[Answer::json::<LintAnswer>(200, "what was found; nothing, where the list is empty")],
    problems: &[(ProblemKind::NotFound, "`project` names none")],
    serve: |state| {
        warp::path!("api" / "v1" / "lint")
            .and(signed_in(state))
            .and(filters::json(workflow_limit(state)))
            .then(|state: Arc<Factory>, caller: Caller, text: WorkflowText| async move {
                settle(lint(&state, &caller, text).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn lint(factory: &Factory, caller: &Caller, text: WorkflowText) -> Result<Body, Problem> {
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
