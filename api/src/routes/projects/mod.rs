//! Projects: Git repositories with their settings.

mod check;
mod create;
mod delete;
mod deliveries;
mod get;
mod list;
mod update;

use super::table::Route;

/// A project's settings are small.
const BODY: u64 = 64 * 1024;

pub(super) const ROUTES: &[&Route] =
    &[&list::ROUTE, &create::ROUTE, &get::ROUTE, &update::ROUTE, &delete::ROUTE, &deliveries::ROUTE];
