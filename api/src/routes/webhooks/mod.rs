//! Webhooks: called by Git hosts, signed instead of signed in.

mod receive;
mod signed;

use super::table::Route;

/// Bodies in memory at once: anybody who knows a project can send one, and its signature shows only when it is whole.
const MOST_BODIES: usize = 32;

pub(super) const ROUTES: &[&Route] = &[&receive::ROUTE];
