//! `GET /api/v1/runs/RUN/steps`.

use vocab::RunId;

use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::StepView;
use crate::problem::Problem;
use crate::reply::{self, Body};

pub(super) async fn steps(factory: &Factory, caller: &Caller, run: RunId) -> Result<Body, Problem> {
    run_of(factory, caller, run).await?;
    Ok(reply::ok(&views(factory, run).await?))
}

/// The steps with what they are doing.
pub(super) async fn views(factory: &Factory, run: RunId) -> Result<Vec<StepView>, Problem> {
    Ok(factory.step_views(run).await?)
}
