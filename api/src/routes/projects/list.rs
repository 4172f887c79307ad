//! `GET /api/v1/projects?after=NAME&limit=N`.

use serde::Deserialize;
use vocab::Name;

use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::{ProjectPage, ProjectView};
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Body};
use crate::routes::page_size;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    after: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn list(factory: &Factory, caller: &Caller, query: Query) -> Result<Body, Problem> {
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
