//! Whether the server lives, takes work, and how it does: without a token, since that tells nothing about anybody.

mod health;
mod index;
mod metrics;
mod ready;

use super::table::Route;

pub(super) const ROUTES: &[&Route] = &[&index::ROUTE, &health::ROUTE, &ready::ROUTE, &metrics::ROUTE];
