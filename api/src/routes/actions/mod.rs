//! The actions that `uses:` can name.

mod get;
mod list;

use super::table::Route;

pub(super) const ROUTES: &[&Route] = &[&list::ROUTE, &get::ROUTE];
