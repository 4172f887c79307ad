//! Workflows handed in to be looked at; nothing is kept of them.

mod lint;
mod plan;

use std::sync::Arc;

use warp::Filter as _;

use super::{Part, signed_in};
use crate::factory::Factory;
use crate::filters::{self, Caller};
use crate::model::WorkflowText;
use crate::reply::settle;

pub(super) fn routes(state: &Arc<Factory>) -> Part {
    // The text in JSON: each character may take six bytes.
    let limit = state.config.limits.workflow_bytes.saturating_mul(6).saturating_add(4096);
    let lint = warp::path!("api" / "v1" / "lint")
        .and(warp::post())
        .and(signed_in(state))
        .and(filters::json(limit))
        .then(|state: Arc<Factory>, caller: Caller, text: WorkflowText| async move {
            settle(lint::lint(&state, &caller, text).await)
        });
    let plan = warp::path!("api" / "v1" / "plan")
        .and(warp::post())
        .and(signed_in(state))
        .and(filters::json(limit))
        .then(|state: Arc<Factory>, caller: Caller, text: WorkflowText| async move {
            settle(plan::plan(&state, &caller, text).await)
        });
    lint.or(plan).unify().boxed()
}
