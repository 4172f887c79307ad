//! `docs/reference/api.md`, made from the routes, the types of their bodies, the kinds of problems, the kinds of
//! events and the metrics. What no table says stands beside this file in Markdown.

mod fields;
mod page;
mod routes;

pub use page::api;
