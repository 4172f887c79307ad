//! `GET /api/v1/runs/RUN/effects`: what the run made outside, and what became of it.

use vocab::RunId;

use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::EffectView;
use crate::problem::Problem;
use crate::reply::{self, Body};

pub(super) async fn effects(factory: &Factory, caller: &Caller, run: RunId) -> Result<Body, Problem> {
    run_of(factory, caller, run).await?;
    let effects = factory.runs.effects(run).await?;
    Ok(reply::ok(&effects.into_iter().map(EffectView::from).collect::<Vec<_>>()))
}
