//! Webhooks: called by Git hosts, signed instead of signed in.

mod receive;

use std::sync::Arc;

use tokio::sync::Semaphore;
use warp::Filter as _;
use warp::http::HeaderMap;

use super::{Part, factory};
use crate::factory::Factory;
use crate::filters;
use crate::reply::settle;

/// Bodies in memory at once: anybody can send one, and its signature shows only when it is whole.
const MOST_BODIES: usize = 32;

pub(super) fn routes(state: &Arc<Factory>) -> Part {
    warp::path!("api" / "v1" / "webhooks" / String / String)
        .and(warp::post())
        .and(factory(state))
        .and(warp::header::headers_cloned())
        .and(filters::held(state.config.limits.body_bytes, Arc::new(Semaphore::new(MOST_BODIES))))
        .then(|tenant: String, name: String, state: Arc<Factory>, headers: HeaderMap, body| async move {
            settle(receive::receive(&state, &tenant, &name, &headers, body).await)
        })
        .boxed()
}
