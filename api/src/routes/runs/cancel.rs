//! `POST /api/v1/runs/RUN/cancel`: ends a run; what it made is undone.

use vocab::RunId;
use warp::http::StatusCode;

use super::{get, run_of};
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::CancelRun;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};

pub(super) async fn cancel(
    factory: &Factory,
    caller: &Caller,
    run: RunId,
    body: CancelRun,
) -> Result<Body, Problem> {
    let row = run_of(factory, caller, run).await?;
    if row.status.is_terminal() {
        return Err(Problem::new(ProblemKind::Conflict, format!("run {run} has ended: {}", row.status)));
    }
    let reason = body.reason.map(|reason| reason.chars().filter(|c| !c.is_control()).take(500).collect());
    factory.cancel(&row, &caller.user, reason).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &get::detail(factory, caller, run).await?))
}
