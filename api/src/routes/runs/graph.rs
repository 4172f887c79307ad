//! `GET /api/v1/runs/RUN/graph`: the plan that the run follows.

use vocab::RunId;

use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::problem::Problem;
use crate::reply::{self, Body};

pub(super) async fn graph(factory: &Factory, caller: &Caller, run: RunId) -> Result<Body, Problem> {
    let row = run_of(factory, caller, run).await?;
    Ok(reply::ok(&factory.plan_of(&row).await?))
}
