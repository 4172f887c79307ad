//! `GET /api/v1/runs/RUN/graph`: the plan that the run follows.

use std::sync::Arc;

use vocab::RunId;
use warp::Filter as _;

use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::PlanAnswer;
use crate::problem::Problem;
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, NO_RUN, RUN, Route};

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/runs/{run}/graph",
    purpose: "Shows the plan that a run follows: its steps in order, and the graph for Mermaid and Graphviz.",
    places: &[RUN],
    answers: &[Answer::json::<PlanAnswer>(200, "the plan")],
    problems: &[NO_RUN],
    serve: |state| {
        warp::path!("api" / "v1" / "runs" / RunId / "graph")
            .and(signed_in(state))
            .then(|run, state: Arc<Factory>, caller: Caller| async move {
                settle(graph(&state, &caller, run).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn graph(factory: &Factory, caller: &Caller, run: RunId) -> Result<Body, Problem> {
    let row = run_of(factory, caller, run).await?;
    Ok(reply::ok(&factory.plan_of(&row).await?))
}
