//! `GET /api/v1/runs/RUN/steps`.

use std::sync::Arc;

use vocab::RunId;
use warp::Filter as _;

use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::StepView;
use crate::problem::Problem;
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, NO_RUN, RUN, Route};

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/runs/{run}/steps",
    purpose: "Lists the steps of a run, in the order of the workflow.",
    places: &[RUN],
    answers: &[Answer::list::<StepView>(200, "the steps")],
    problems: &[NO_RUN],
    serve: |state| {
        warp::path!("api" / "v1" / "runs" / RunId / "steps")
            .and(signed_in(state))
            .then(|run, state: Arc<Factory>, caller: Caller| async move {
                settle(steps(&state, &caller, run).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn steps(factory: &Factory, caller: &Caller, run: RunId) -> Result<Body, Problem> {
    run_of(factory, caller, run).await?;
    Ok(reply::ok(&views(factory, run).await?))
}

/// The steps with what they are doing.
pub(super) async fn views(factory: &Factory, run: RunId) -> Result<Vec<StepView>, Problem> {
    Ok(factory.step_views(run).await?)
}
