//! `POST /api/v1/runs`: starts a run of a project's workflow, or of a workflow that is handed in.

use vocab::{Inputs, Value};
use warp::http::StatusCode;

use super::get;
use crate::factory::{Factory, NewStart};
use crate::filters::Caller;
use crate::model::NewRunBody;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};
use crate::routes::project;
use crate::trigger::manual;

pub(super) async fn create(factory: &Factory, caller: &Caller, body: NewRunBody) -> Result<Body, Problem> {
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
