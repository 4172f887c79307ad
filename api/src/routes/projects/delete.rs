//! `DELETE /api/v1/projects/NAME`: its runs stay.

use crate::factory::Factory;
use crate::filters::Caller;
use crate::problem::Problem;
use crate::reply::{self, Body};
use crate::routes::project;

pub(super) async fn delete(factory: &Factory, caller: &Caller, name: &str) -> Result<Body, Problem> {
    let project = project(factory, &caller.tenant, name).await?;
    factory.projects.remove(&caller.tenant, &project.name).await?;
    tracing::info!(project = %project.name, by = caller.user, "a project was removed");
    Ok(reply::no_content())
}
