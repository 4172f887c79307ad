//! `GET /health`: the process answers.

use warp::Filter as _;

use crate::model::Health;
use crate::reply::{self, Body};
use crate::routes::table::{Answer, Route, Who};

pub(super) const ROUTE: Route = Route {
    path: "/health",
    purpose: "Says that the process answers, and its version.",
    more: "For whoever restarts a process that hangs. It looks at nothing; [`/ready`](#get-ready) does.",
    who: Who::Anybody,
    answers: &[Answer::json::<Health>(200, "it answers")],
    serve: |_| warp::path!("health").map(health).boxed(),
    ..Route::USUAL
};

fn health() -> Body {
    reply::ok(&Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}
