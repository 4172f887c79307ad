//! `POST /api/v1/runs/RUN/undo`: tries once more to undo what is stuck.

use std::sync::Arc;

use vocab::RunId;
use warp::Filter as _;
use warp::http::StatusCode;

use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::UndoAnswer;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, NO_RUN, RUN, Route, Verb};

pub(super) const ROUTE: Route = Route {
    verb: Verb::Post,
    path: "/api/v1/runs/{run}/undo",
    purpose: "Tries once more to undo what is stuck.",
    more: "It takes no body.",
    places: &[RUN],
    answers: &[Answer::json::<UndoAnswer>(202, "it is tried; 0 where nothing is stuck")],
    problems: &[NO_RUN, (ProblemKind::Conflict, "the run has not ended")],
    serve: |state| {
        warp::path!("api" / "v1" / "runs" / RunId / "undo")
            .and(signed_in(state))
            .then(|run, state: Arc<Factory>, caller: Caller| async move {
                settle(undo(&state, &caller, run).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn undo(factory: &Factory, caller: &Caller, run: RunId) -> Result<Body, Problem> {
    let row = run_of(factory, caller, run).await?;
    let effects = factory.retry_undo(&row, &caller.user).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &UndoAnswer { run, effects }))
}
