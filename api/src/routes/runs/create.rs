//! `POST /api/v1/runs`: starts a run of a project's workflow, or of a workflow that is handed in.

use std::sync::Arc;

use vocab::{Inputs, Value};
use warp::Filter as _;
use warp::http::StatusCode;

use super::{BODY, get};
use crate::factory::{Factory, NewStart};
use crate::filters::{self, Caller};
use crate::model::{NewRunBody, RunDetail};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::table::{Answer, Route, Shape, Verb};
use crate::routes::{project, signed_in, workflow_limit};
use crate::trigger::manual;

pub(super) const ROUTE: Route = Route {
    verb: Verb::Post,
    path: "/api/v1/runs",
    purpose: "Starts a run of a project's workflow, or of a workflow that is handed in.",
    more: "It is durable when the answer comes. A request that is sent twice starts two runs: there is no idempotency \
        key here. A workflow that is handed in has no project, and so may not run on the host.",
    body: Some(Shape::of::<NewRunBody>()),
    answers: &[Answer::json::<RunDetail>(202, "the run, just accepted")],
    problems: &[
        (ProblemKind::NotFound, "`project` names none"),
        (ProblemKind::DoesNotCompile, "the workflow does not compile; `diagnostics` says why"),
        (
            ProblemKind::Invalid,
            "the workflow is not there, is not for people to start, or the inputs do not fit it",
        ),
        (ProblemKind::Conflict, "the project may not do what the workflow asks for"),
        (ProblemKind::BadGateway, "the project's repository cannot be read"),
    ],
    serve: |state| {
        warp::path!("api" / "v1" / "runs")
            .and(signed_in(state))
            .and(filters::json(workflow_limit(state).saturating_add(BODY)))
            .then(|state: Arc<Factory>, caller: Caller, body: NewRunBody| async move {
                settle(create(&state, &caller, body).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn create(factory: &Factory, caller: &Caller, body: NewRunBody) -> Result<Body, Problem> {
    factory.accepts_work()?;
    let invalid = |text: &str| Problem::new(ProblemKind::Invalid, text);
    let inputs: Inputs = body
        .inputs
        .into_iter()
        .map(|(name, value)| Ok((name, Value::from_plain_json(value)?)))
        .collect::<Result<_, vocab::PlainError>>()
        .map_err(|error| invalid(&error.to_string()))?;
    let start = match (body.project, body.text) {
        (Some(_), Some(_)) => return Err(invalid("give `project` or `text`, not both")),
        (None, None) => return Err(invalid("give `project`, or the `text` of a workflow")),
        (Some(name), None) => {
            let project = project(factory, &caller.tenant, &name).await?;
            let found =
                manual::find(factory, &project, body.workflow.as_deref(), body.git_ref.as_deref()).await?;
            NewStart::manual(found.workflow, inputs, &caller.user).of_project(&project, found.source)
        }
        (None, Some(text)) => {
            let compilation = factory.compile("workflow.yaml", text.as_bytes(), false);
            let workflow =
                compilation.workflow.ok_or_else(|| Problem::does_not_compile(&compilation.diagnostics))?;
            NewStart::manual(workflow, inputs, &caller.user).of_tenant(&caller.tenant)
        }
    };
    let run = factory.start(start).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &get::detail(factory, caller, run).await?))
}
