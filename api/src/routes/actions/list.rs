//! `GET /api/v1/actions`.

use crate::factory::Factory;
use crate::model::ActionView;
use crate::reply::{self, Body};

pub(super) fn list(factory: &Factory) -> Body {
    reply::ok(&factory.catalogue.iter().map(ActionView::from).collect::<Vec<_>>())
}
