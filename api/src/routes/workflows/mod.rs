//! Workflows handed in to be looked at; nothing is kept of them.

mod lint;
mod plan;

use super::table::Route;
use super::workflow_limit;

pub(super) const ROUTES: &[&Route] = &[&lint::ROUTE, &plan::ROUTE];
