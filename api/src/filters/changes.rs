//! Changes while the server shuts down: none is begun that might not be seen to its end.

use std::sync::Arc;

use warp::http::Method;
use warp::{Filter, Rejection};

use crate::factory::Factory;
use crate::rejection::reject;

/// Lets a request pass that only reads; one that changes something, unless the server drains: then 503, with the
/// time after which another try is worth it.
pub(crate) fn changes(
    factory: &Arc<Factory>,
) -> impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + use<> {
    let factory = Arc::clone(factory);
    warp::method()
        .and_then(move |method: Method| {
            let refused = if method.is_safe() { Ok(()) } else { factory.accepts_work() };
            async move { refused.map_err(reject) }
        })
        .untuple_one()
}
