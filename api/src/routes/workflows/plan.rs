//! `POST /api/v1/plan`: the steps of a workflow in order, and their graph.

use std::sync::Arc;

use warp::Filter as _;

use super::{lint, workflow_limit};
use crate::factory::Factory;
use crate::filters::{self, Caller};
use crate::model::{PlanAnswer, WorkflowText};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, Route, Shape, Verb};

pub(super) const ROUTE: Route = Route {
    verb: Verb::Post,
    path: "/api/v1/plan",
    purpose: "Shows the steps of a workflow in an order in which they could run, and their graph.",
    body: Some(Shape::of::<WorkflowText>()),
    answers: &[Answer::json::<PlanAnswer>(200, "the plan")],
    problems: &[
        (ProblemKind::NotFound, "`project` names none"),
        (ProblemKind::DoesNotCompile, "the workflow does not compile; `diagnostics` says why"),
        (ProblemKind::Invalid, "it compiles, but is no plan that could run"),
    ],
    serve: |state| {
        warp::path!("api" / "v1" / "plan")
            .and(signed_in(state))
            .and(filters::json(workflow_limit(state)))
            .then(|state: Arc<Factory>, caller: Caller, text: WorkflowText| async move {
                settle(plan(&state, &caller, text).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn plan(factory: &Factory, caller: &Caller, text: WorkflowText) -> Result<Body, Problem> {
    let compilation = lint::compile(factory, caller, text).await?;
    let workflow = compilation.workflow.ok_or_else(|| Problem::does_not_compile(&compilation.diagnostics))?;
    let plan = PlanAnswer::of(&workflow, &factory.catalogue)
        .map_err(|error| Problem::new(ProblemKind::Invalid, error.to_string()))?;
    Ok(reply::ok(&plan))
}
