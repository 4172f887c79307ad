//! Every path of the server. A folder a noun, a file an endpoint.

mod actions;
mod projects;
mod runs;
mod system;
mod webhooks;
mod workflows;

use std::convert::Infallible;
use std::sync::Arc;

use engine_ports::Project;
use vocab::{Name, TenantName};
use warp::filters::BoxedFilter;
use warp::{Filter, Rejection};

use crate::factory::Factory;
use crate::filters::{self, Caller};
use crate::problem::Problem;
use crate::reply::Body;
use crate::serve::{Routes, complete};

/// The routes of one noun.
type Part = BoxedFilter<(Body,)>;

/// All routes over `factory`, with the registry's beside them.
pub(crate) fn routes(factory: &Arc<Factory>, registry: Part) -> Routes {
    let all = system::routes(factory)
        .or(registry)
        .unify()
        .or(webhooks::routes(factory))
        .unify()
        .or(runs::routes(factory))
        .unify()
        .or(projects::routes(factory))
        .unify()
        .or(actions::routes(factory))
        .unify()
        .or(workflows::routes(factory))
        .unify();
    complete(filters::changes(factory).and(all))
}

/// The factory, for a handler.
fn factory(
    factory: &Arc<Factory>,
) -> impl Filter<Extract = (Arc<Factory>,), Error = Infallible> + Clone + use<> {
    let factory = Arc::clone(factory);
    warp::any().map(move || Arc::clone(&factory))
}

/// The factory and who asks; 401 when nobody does.
fn signed_in(
    factory: &Arc<Factory>,
) -> impl Filter<Extract = (Arc<Factory>, Caller), Error = Rejection> + Clone + Send + Sync + use<> {
    self::factory(factory).and(filters::caller(factory.tokens.clone()))
}

/// A project of the tenant; one of another tenant looks missing.
async fn project(factory: &Factory, tenant: &TenantName, name: &str) -> Result<Project, Problem> {
    let missing = || Problem::missing(&format!("project `{}`", name.chars().take(80).collect::<String>()));
    let name: Name = name.parse().map_err(|_| missing())?;
    factory.projects.by_name(tenant, &name).await?.ok_or_else(missing)
}

/// The size of a page: what was asked for, within bounds.
fn page_size(limit: Option<u32>) -> u32 {
    limit.unwrap_or(50).clamp(1, 200)
}
