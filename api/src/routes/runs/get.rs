//! `GET /api/v1/runs/RUN`: the run with its steps.

use std::sync::Arc;

use vocab::RunId;
use warp::Filter as _;

use super::{run_of, steps, summaries};
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::RunDetail;
use crate::problem::Problem;
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, NO_RUN, RUN, Route};

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/runs/{run}",
    purpose: "Shows a run with its steps.",
    places: &[RUN],
    answers: &[Answer::json::<RunDetail>(200, "the run")],
    problems: &[NO_RUN],
    serve: |state| {
        warp::path!("api" / "v1" / "runs" / RunId)
            .and(signed_in(state))
            .then(|run, state: Arc<Factory>, caller: Caller| async move {
                settle(get(&state, &caller, run).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn get(factory: &Factory, caller: &Caller, run: RunId) -> Result<Body, Problem> {
    Ok(reply::ok(&detail(factory, caller, run).await?))
}

/// The run with its steps.
pub(super) async fn detail(factory: &Factory, caller: &Caller, run: RunId) -> Result<RunDetail, Problem> {
    let row = run_of(factory, caller, run).await?;
    let steps = steps::views(factory, run).await?;
    let run = summaries(factory, vec![row]).await?.pop();
    Ok(RunDetail { run: run.ok_or_else(|| Problem::internal("a run has no summary"))?, steps })
}
