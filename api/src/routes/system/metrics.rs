//! `GET /metrics`: counters and gauges in the text format of Prometheus. No tenant is named in them.

use warp::http::StatusCode;

use crate::factory::Factory;
use crate::problem::Problem;
use crate::reply::{self, Body};

pub(super) async fn metrics(factory: &Factory) -> Body {
    match factory.metrics.scrape(&*factory.runs, &*factory.projects, &factory.engine.status()).await {
        Ok(text) => reply::text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
        Err(error) => reply::problem(Problem::from(error)),
    }
}
