//! The outermost part of every request: its id, its line in the log, its problem written out.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tracing::Instrument as _;
use vocab::{Clock, IdSource};
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::http::Request;

use crate::filters::request_id;
use crate::reply::{self, Body};

/// All routes, refusals answered.
pub(crate) type Routes = BoxedFilter<(Body,)>;

/// Answers requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Edge {
    routes: Routes,
    ids: Arc<dyn IdSource>,
    clock: Arc<dyn Clock>,
}

impl Edge {
    pub(crate) fn new(routes: Routes, ids: Arc<dyn IdSource>, clock: Arc<dyn Clock>) -> Self {
        Self { routes, ids, clock }
    }

    /// Answers one request.
    pub(crate) async fn answer<B>(self, request: Request<B>) -> Result<Body, Infallible>
    where
        B: hyper::body::Body + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let id = request_id(request.headers(), &*self.ids);
        // The path alone: a query may hold what belongs in no log.
        let span =
            tracing::info_span!("request", %id, method = %request.method(), path = request.uri().path());
        let started = self.clock.monotonic();
        let service = TowerToHyperService::new(warp::service(self.routes));
        async move {
            let Ok(response) = service.call(request).await;
            let response = reply::finish(response, &id);
            let taken = self.clock.monotonic().saturating_sub(started);
            let status = response.status().as_u16();
            metrics::counter!("http_requests_total", "status" => status.to_string()).increment(1);
            tracing::debug!(status, ms = taken.as_millis(), "answered");
            Ok(response)
        }
        .instrument(span)
        .await
    }
}

/// Answers what no route took.
pub(crate) fn complete(
    routes: impl warp::Filter<Extract = (Body,), Error = warp::Rejection> + Clone + Send + Sync + 'static,
) -> Routes {
    routes
        .or_else(|rejection: warp::Rejection| async move {
            Ok::<_, warp::Rejection>((crate::rejection::answer(&rejection),))
        })
        .boxed()
}
