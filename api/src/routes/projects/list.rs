//! `GET /api/v1/projects?after=NAME&limit=N`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use vocab::Name;
use warp::Filter as _;

use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::{ProjectPage, ProjectView};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::table::{Answer, Route, Schemas};
use crate::routes::{page_size, signed_in};

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/projects",
    purpose: "Lists projects, by name.",
    query: Some(Schemas::of::<Query>()),
    answers: &[Answer::json::<ProjectPage>(200, "a page of them")],
    problems: &[(ProblemKind::BadRequest, "`after` is no name")],
    serve: |state| {
        warp::path!("api" / "v1" / "projects")
            .and(signed_in(state))
            .and(warp::query::<Query>())
            .then(|state: Arc<Factory>, caller: Caller, query| async move {
                settle(list(&state, &caller, query).await)
            })
            .boxed()
    },
    ..Route::USUAL
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Only projects whose names come after this one: `next` of the page before.
    after: Option<String>,
    /// How many at most: 1 to 200, 50 where nothing is said.
    limit: Option<u32>,
}

async fn list(factory: &Factory, caller: &Caller, query: Query) -> Result<Body, Problem> {
    let after: Option<Name> = query
        .after
        .map(|name| name.parse())
        .transpose()
        .map_err(|error: vocab::NameError| Problem::new(ProblemKind::BadRequest, error.to_string()))?;
    let page = factory.projects.list(&caller.tenant, after.as_ref(), page_size(query.limit)).await?;
    let next = page.items.last().filter(|_| page.more).map(|project| project.name.to_string());
    let projects = page.items.iter().map(|project| ProjectView::new(project, factory.base())).collect();
    Ok(reply::ok(&ProjectPage { projects, next }))
}
