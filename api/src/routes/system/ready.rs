//! `GET /ready`: the server takes work. 503 while it drains.

use serde_json::json;

use crate::factory::Factory;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};

pub(super) fn ready(factory: &Factory) -> Body {
    if factory.is_draining() {
        return reply::problem(
            Problem::new(ProblemKind::Unavailable, "the server is shutting down").retry_after(10),
        );
    }
    reply::ok(&json!({ "status": "ready" }))
}
