//! Webhooks: called by Git hosts, signed instead of signed in.

mod receive;
mod signed;

use std::sync::Arc;

use warp::Filter as _;
use warp::http::HeaderMap;

use super::{Part, factory};
use crate::factory::Factory;
use crate::filters::Places;
use crate::reply::settle;

/// Bodies in memory at once: anybody who knows a project can send one, and its signature shows only when it is whole.
const MOST_BODIES: usize = 32;

pub(super) fn routes(state: &Arc<Factory>) -> Part {
    let places = Places::new(MOST_BODIES);
    warp::path!("api" / "v1" / "webhooks" / String / String)
        .and(warp::post())
        .and(factory(state))
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |tenant: String, name: String, state: Arc<Factory>, headers: HeaderMap, body| {
            let places = places.clone();
            async move { settle(receive::receive(&state, &places, &tenant, &name, &headers, body).await) }
        })
        .boxed()
}
