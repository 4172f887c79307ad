//! `POST /api/v1/runs/RUN/undo`: tries once more to undo what is stuck.

use serde_json::json;
use vocab::RunId;
use warp::http::StatusCode;

use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::problem::Problem;
use crate::reply::{self, Body};

pub(super) async fn undo(factory: &Factory, caller: &Caller, run: RunId) -> Result<Body, Problem> {
    let row = run_of(factory, caller, run).await?;
    let effects = factory.retry_undo(&row, &caller.user).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &json!({ "run": run, "effects": effects })))
}
