//! `GET /api/v1/actions/FAMILY/NAME@vN`.

use vocab::ActionRef;

use crate::factory::Factory;
use crate::model::ActionView;
use crate::problem::Problem;
use crate::reply::{self, Body};

pub(super) fn get(factory: &Factory, family: &str, name: &str) -> Result<Body, Problem> {
    let missing = || Problem::missing("such action").help("`GET /api/v1/actions` lists them");
    let action: ActionRef = format!("{family}/{name}").parse().map_err(|_| missing())?;
    Ok(reply::ok(&ActionView::from(factory.catalogue.get(&action).ok_or_else(missing)?)))
}
