//! `GET /api/v1/projects/NAME`.

use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::ProjectView;
use crate::problem::Problem;
use crate::reply::{self, Body};
use crate::routes::project;

pub(super) async fn get(factory: &Factory, caller: &Caller, name: &str) -> Result<Body, Problem> {
    let project = project(factory, &caller.tenant, name).await?;
    Ok(reply::ok(&ProjectView::new(&project, factory.base())))
}
