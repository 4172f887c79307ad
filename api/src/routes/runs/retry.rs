//! `POST /api/v1/runs/RUN/retry`: a new run of the same workflow, commit and inputs.

use vocab::RunId;
use warp::http::StatusCode;

use super::{get, run_of};
use crate::factory::Factory;
use crate::filters::Caller;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};

pub(super) async fn retry(factory: &Factory, caller: &Caller, run: RunId) -> Result<Body, Problem> {
    let row = run_of(factory, caller, run).await?;
    if !row.status.is_terminal() {
        let text = format!("run {run} has not ended: {}", row.status);
        return Err(Problem::new(ProblemKind::Conflict, text).help("cancel it first, or wait"));
    }
    factory.accepts_work()?;
    let fresh = factory.retry(&row, &caller.user).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &get::detail(factory, caller, fresh).await?))
}
