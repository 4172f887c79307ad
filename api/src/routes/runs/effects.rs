//! `GET /api/v1/runs/RUN/effects`: what the run made outside, and what became of it.

use std::sync::Arc;

use vocab::RunId;
use warp::Filter as _;

use super::run_of;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::EffectView;
use crate::problem::Problem;
use crate::reply::{self, Body, settle};
use crate::routes::signed_in;
use crate::routes::table::{Answer, NO_RUN, RUN, Route};

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/runs/{run}/effects",
    purpose: "Lists what a run made outside, and what became of it.",
    places: &[RUN],
    answers: &[Answer::list::<EffectView>(200, "the effects, in the order of the journal")],
    problems: &[NO_RUN],
    serve: |state| {
        warp::path!("api" / "v1" / "runs" / RunId / "effects")
            .and(signed_in(state))
            .then(|run, state: Arc<Factory>, caller: Caller| async move {
                settle(effects(&state, &caller, run).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn effects(factory: &Factory, caller: &Caller, run: RunId) -> Result<Body, Problem> {
    run_of(factory, caller, run).await?;
    let effects = factory.runs.effects(run).await?;
    Ok(reply::ok(&effects.into_iter().map(EffectView::from).collect::<Vec<_>>()))
}
