//! `DELETE /api/v1/projects/NAME`: its runs stay.

use std::sync::Arc;

use warp::Filter as _;

use crate::factory::Factory;
use crate::filters::Caller;
use crate::problem::Problem;
use crate::reply::{self, Body, settle};
use crate::routes::table::{Answer, NO_PROJECT, PROJECT, Route, Verb};
use crate::routes::{project, signed_in};

pub(super) const ROUTE: Route = Route {
    verb: Verb::Delete,
    path: "/api/v1/projects/{project}",
    purpose: "Removes a project. Its runs stay.",
    places: &[PROJECT],
    answers: &[Answer::nothing(204, "it is gone")],
    problems: &[NO_PROJECT],
    serve: |state| {
        warp::path!("api" / "v1" / "projects" / String)
            .and(signed_in(state))
            .then(|name: String, state: Arc<Factory>, caller: Caller| async move {
                settle(delete(&state, &caller, &name).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn delete(factory: &Factory, caller: &Caller, name: &str) -> Result<Body, Problem> {
    let project = project(factory, &caller.tenant, name).await?;
    factory.projects.remove(&caller.tenant, &project.name).await?;
    tracing::info!(project = %project.name, by = caller.user, "a project was removed");
    Ok(reply::no_content())
}
