//! The outermost part of every request: its id, its line in the log, its problem written out.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tracing::Instrument as _;
use vocab::{Clock, IdSource};
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::http::header::AUTHORIZATION;
use warp::http::{Request, StatusCode};

use super::refusals::Refusals;
use crate::filters::request_id;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};

/// All routes, refusals answered.
pub(crate) type Routes = BoxedFilter<(Body,)>;

/// Answers requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Edge {
    routes: Routes,
    ids: Arc<dyn IdSource>,
    clock: Arc<dyn Clock>,
    refusals: Arc<Refusals>,
}

impl Edge {
    pub(crate) fn new(routes: Routes, ids: Arc<dyn IdSource>, clock: Arc<dyn Clock>) -> Self {
        Self { routes, ids, clock, refusals: Arc::default() }
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
        let path = request.uri().path().to_owned();
        let signed_in = request.headers().contains_key(AUTHORIZATION);
        let started = self.clock.monotonic();
        let service = TowerToHyperService::new(warp::service(self.routes));
        async move {
            let Ok(response) = service.call(request).await;
            if is_refusal(&response, signed_in) {
                metrics::counter!("image_factory_sign_ins_refused_total").increment(1);
                self.refusals.tell(self.clock.monotonic(), &id, &path);
            }
            let response = reply::finish(response, &id);
            let taken = self.clock.monotonic().saturating_sub(started);
            let status = response.status().as_u16();
            metrics::counter!("image_factory_http_requests_total", "status" => status.to_string())
                .increment(1);
            tracing::debug!(status, ms = taken.as_millis(), "answered");
            Ok(response)
        }
        .instrument(span)
        .await
    }
}

/// Whether somebody came with a wrong token or signature. Coming without a token is how every client of the
/// registry begins, and says nothing.
fn is_refusal(response: &Body, signed_in: bool) -> bool {
    let signature = |problem: &Problem| problem.kind == ProblemKind::BadSignature;
    response.status() == StatusCode::UNAUTHORIZED
        && (signed_in || response.extensions().get().is_some_and(signature))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wrong_token_or_signature_is_a_refusal() {
        let answer = |kind| reply::problem(Problem::new(kind, "no"));
        assert!(is_refusal(&answer(ProblemKind::BadSignature), false));
        assert!(is_refusal(&answer(ProblemKind::Unauthenticated), true));
        assert!(!is_refusal(&answer(ProblemKind::Unauthenticated), false));
        assert!(!is_refusal(&answer(ProblemKind::NotFound), true));
    }
}
