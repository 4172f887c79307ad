//! `GET /api/v1/runs?project=NAME&status=STATUS&before=RUN&limit=N`: newest first.

use std::sync::Arc;

use engine_ports::RunFilter;
use schemars::JsonSchema;
use serde::Deserialize;
use vocab::{RunId, RunStatus};
use warp::Filter as _;

use super::summaries;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::RunPage;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body, settle};
use crate::routes::table::{Answer, Route, Schemas};
use crate::routes::{page_size, project, signed_in};

pub(super) const ROUTE: Route = Route {
    path: "/api/v1/runs",
    purpose: "Lists runs, newest first.",
    query: Some(Schemas::of::<Query>()),
    answers: &[Answer::json::<RunPage>(200, "a page of them")],
    problems: &[(ProblemKind::NotFound, "`project` names none")],
    serve: |state| {
        warp::path!("api" / "v1" / "runs")
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
    /// Only runs of this project.
    project: Option<String>,
    /// Only runs in this state.
    status: Option<RunStatus>,
    /// Only runs older than this one: `next` of the page before.
    #[schemars(with = "Option<String>")]
    before: Option<RunId>,
    /// How many at most: 1 to 200, 50 where nothing is said.
    limit: Option<u32>,
}

async fn list(factory: &Factory, caller: &Caller, query: Query) -> Result<Body, Problem> {
    let project = match &query.project {
        Some(name) => Some(project(factory, &caller.tenant, name).await?.id),
        None => None,
    };
    let filter = RunFilter { project, status: query.status, before: query.before };
    let page = factory.runs.runs(&caller.tenant, filter, page_size(query.limit)).await?;
    let next = page.items.last().filter(|_| page.more).map(|run| run.id);
    Ok(reply::ok(&RunPage { runs: summaries(factory, page.items).await?, next }))
}
