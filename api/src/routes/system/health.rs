//! `GET /health`: the process answers.

use serde_json::json;

use crate::reply::{self, Body};

pub(super) fn health() -> Body {
    reply::ok(&json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}
