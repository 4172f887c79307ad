//! `GET /api/v1/runs/A/diff/B`: what differs between two runs.

use std::sync::Arc;

use vocab::RunId;
use warp::Filter as _;

use super::run_of;
use crate::compare::{Account, diff};
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::RunDiff;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, Route};

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/runs/{a}/diff/{b}",
    purpose: "Compares two runs: what they were started with, their steps, and why the cache was not used.",
    places: &[("a", "Id of a run, mostly the older."), ("b", "Id of another.")],
    answers: &[Answer::json::<RunDiff>(200, "what differs")],
    problems: &[(ProblemKind::NotFound, "one of them is not there, or is another tenant's")],
    serve: |state| {
        warp::path!("api" / "v1" / "runs" / RunId / "diff" / RunId)
            .and(signed_in(state))
            .then(|a, b, state: Arc<Factory>, caller: Caller| async move {
                settle(compare(&state, &caller, a, b).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn compare(factory: &Factory, caller: &Caller, a: RunId, b: RunId) -> Result<Body, Problem> {
    let (a, b) = (run_of(factory, caller, a).await?, run_of(factory, caller, b).await?);
    let (a, b) = (Account::of(factory, a).await?, Account::of(factory, b).await?);
    Ok(reply::ok(&diff(&a, &b, factory.clock.now())))
}
