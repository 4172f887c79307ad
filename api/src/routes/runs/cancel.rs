//! `POST /api/v1/runs/RUN/cancel`: ends a run; what it made is undone.

use std::sync::Arc;

use vocab::RunId;
use warp::Filter as _;
use warp::http::StatusCode;

use super::{BODY, get, run_of};
use crate::factory::Factory;
use crate::filters::{self, Caller};
use crate::model::{CancelRun, RunDetail};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, NO_RUN, RUN, Route, Shape, Verb};

pub(super) const ROUTE: Route = Route {
    verb: Verb::Post,
    path: "/api/v1/runs/{run}/cancel",
    purpose: "Ends a run; what it made is undone.",
    places: &[RUN],
    body: Some(Shape::of::<CancelRun>()),
    answers: &[Answer::json::<RunDetail>(202, "the run; it ends in a while")],
    problems: &[NO_RUN, (ProblemKind::Conflict, "the run has ended")],
    serve: |state| {
        warp::path!("api" / "v1" / "runs" / RunId / "cancel")
            .and(signed_in(state))
            .and(filters::json(BODY))
            .then(|run, state: Arc<Factory>, caller: Caller, body: CancelRun| async move {
                settle(cancel(&state, &caller, run, body).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn cancel(factory: &Factory, caller: &Caller, run: RunId, body: CancelRun) -> Result<Body, Problem> {
    let row = run_of(factory, caller, run).await?;
    if row.status.is_terminal() {
        return Err(Problem::new(ProblemKind::Conflict, format!("run {run} has ended: {}", row.status)));
    }
    let reason = body.reason.map(|reason| reason.chars().filter(|c| !c.is_control()).take(500).collect());
    factory.cancel(&row, &caller.user, reason).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &get::detail(factory, caller, run).await?))
}
