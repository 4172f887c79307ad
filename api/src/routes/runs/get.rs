//! `GET /api/v1/runs/RUN`: the run with its steps.

use vocab::RunId;

use super::{run_of, steps, summaries};
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::RunDetail;
use crate::problem::Problem;
use crate::reply::{self, Body};

pub(super) async fn get(factory: &Factory, caller: &Caller, run: RunId) -> Result<Body, Problem> {
    Ok(reply::ok(&detail(factory, caller, run).await?))
}

/// The run with its steps.
pub(super) async fn detail(factory: &Factory, caller: &Caller, run: RunId) -> Result<RunDetail, Problem> {
    let row = run_of(factory, caller, run).await?;
    let steps = steps::views(factory, run).await?;
    let run = summaries(factory, vec![row]).await?.pop();
    Ok(RunDetail { run: run.ok_or_else(|| Problem::internal("a run has no summary"))?, steps })
}
