//! Whether the server lives, takes work, and how it does.

mod health;
mod metrics;
mod ready;

use std::sync::Arc;

use warp::Filter as _;

use super::{Part, factory};
use crate::factory::Factory;

/// `/health`, `/ready`, `/metrics`: without a token, since they tell nothing about anybody.
pub(super) fn routes(state: &Arc<Factory>) -> Part {
    let health = warp::path!("health").and(warp::get()).map(health::health);
    let ready = warp::path!("ready")
        .and(warp::get())
        .and(factory(state))
        .then(|state: Arc<Factory>| async move { ready::ready(&state).await });
    let metrics = warp::path!("metrics")
        .and(warp::get())
        .and(factory(state))
        .then(|state: Arc<Factory>| async move { metrics::metrics(&state).await });
    health.or(ready).unify().or(metrics).unify().boxed()
}
