//! Webhooks: called by Git hosts, signed instead of signed in.

mod receive;

use std::sync::Arc;

use warp::Filter as _;
use warp::http::HeaderMap;

use super::{Part, factory};
use crate::factory::Factory;
use crate::filters;
use crate::reply::settle;

pub(super) fn routes(state: &Arc<Factory>) -> Part {
    warp::path!("api" / "v1" / "webhooks" / String / String)
        .and(warp::post())
        .and(factory(state))
        .and(warp::header::headers_cloned())
        .and(filters::bytes(state.config.limits.body_bytes))
        .then(|tenant: String, name: String, state: Arc<Factory>, headers: HeaderMap, body| async move {
            settle(receive::receive(&state, &tenant, &name, &headers, body).await)
        })
        .boxed()
}
