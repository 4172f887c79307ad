//! `GET /metrics`: counters and gauges in the text format of Prometheus. No tenant is named in them.

use std::sync::Arc;

use warp::Filter as _;
use warp::http::StatusCode;

use crate::factory::Factory;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};
use crate::routes::factory;
use crate::routes::table::{Answer, Route, Who};

const MEDIA: &str = "text/plain; version=0.0.4; charset=utf-8";

const SOME: &str = "\
# HELP image_factory_runs_unfinished Runs that have not ended.
# TYPE image_factory_runs_unfinished gauge
image_factory_runs_unfinished 1";

pub(super) const ROUTE: Route = Route {
    path: "/metrics",
    purpose: "Gives the metrics in the text format of Prometheus.",
    more: "[Which there are](#metrics).",
    who: Who::Anybody,
    answers: &[Answer::text(200, "the metrics", MEDIA, SOME)],
    problems: &[(ProblemKind::Unavailable, "the database does not answer")],
    serve: |state| {
        warp::path!("metrics")
            .and(factory(state))
            .then(|state: Arc<Factory>| async move { metrics(&state).await })
            .boxed()
    },
    ..Route::USUAL
};

async fn metrics(factory: &Factory) -> Body {
    match factory.metrics.scrape(&*factory.runs, &*factory.projects, &factory.engine.status()).await {
        Ok(text) => reply::text(StatusCode::OK, MEDIA, text),
        Err(error) => reply::problem(Problem::from(error)),
    }
}
