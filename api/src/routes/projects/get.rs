//! `GET /api/v1/projects/NAME`.

use std::sync::Arc;

use warp::Filter as _;

use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::ProjectView;
use crate::problem::Problem;
use crate::reply::{self, Body, settle};
use crate::routes::table::{Answer, NO_PROJECT, PROJECT, Route};
use crate::routes::{project, signed_in};

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/projects/{project}",
    purpose: "Shows a project.",
    places: &[PROJECT],
    answers: &[Answer::json::<ProjectView>(200, "the project, without its secret")],
    problems: &[NO_PROJECT],
    serve: |state| {
        warp::path!("api" / "v1" / "projects" / String)
            .and(signed_in(state))
            .then(|name: String, state: Arc<Factory>, caller: Caller| async move {
                settle(get(&state, &caller, &name).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

async fn get(factory: &Factory, caller: &Caller, name: &str) -> Result<Body, Problem> {
    let project = project(factory, &caller.tenant, name).await?;
    Ok(reply::ok(&ProjectView::new(&project, factory.base())))
}
