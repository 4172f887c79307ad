//! `GET /api/v1/runs?project=NAME&status=STATUS&before=RUN&limit=N`: newest first.

use engine_ports::RunFilter;
use serde::Deserialize;
use vocab::{RunId, RunStatus};

use super::summaries;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::RunPage;
use crate::problem::Problem;
use crate::reply::{self, Body};
use crate::routes::{page_size, project};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    project: Option<String>,
    status: Option<RunStatus>,
    before: Option<RunId>,
    limit: Option<u32>,
}

pub(super) async fn list(factory: &Factory, caller: &Caller, query: Query) -> Result<Body, Problem> {
    let project = match &query.project {
        Some(name) => Some(project(factory, &caller.tenant, name).await?.id),
        None => None,
    };
    let filter = RunFilter { project, status: query.status, before: query.before };
    let page = factory.runs.runs(&caller.tenant, filter, page_size(query.limit)).await?;
    let next = page.items.last().filter(|_| page.more).map(|run| run.id);
    Ok(reply::ok(&RunPage { runs: summaries(factory, page.items).await?, next }))
}
