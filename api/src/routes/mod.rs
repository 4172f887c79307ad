//! Every path of the server. A folder a noun, a file an endpoint.
//!
//! Who adds an endpoint gives its file a [`ROUTE`](table::Route) and names that in the list of its folder. What the
//! reference says about it stands in the same value; `make generate` writes the page again.

mod actions;
mod gate;
mod projects;
mod runs;
mod system;
pub(crate) mod table;
mod webhooks;
mod workflows;

use std::convert::Infallible;
use std::sync::Arc;

use engine_ports::Project;
use vocab::{Name, TenantName};
use warp::filters::BoxedFilter;
use warp::{Filter, Rejection};

use self::table::Route;
use crate::factory::Factory;
use crate::filters::{self, Caller};
use crate::problem::Problem;
use crate::reply::Body;
use crate::serve::{Routes, complete};

/// The routes of one noun.
type Part = BoxedFilter<(Body,)>;

/// The routes, each noun with its own.
const NOUNS: &[&[&Route]] =
    &[system::ROUTES, runs::ROUTES, workflows::ROUTES, actions::ROUTES, projects::ROUTES, webhooks::ROUTES];

/// Every route of the API, in the order of the reference.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    NOUNS.iter().copied().flatten().copied()
}

/// All routes over `factory`, with the registry's beside them: the one part that no [`Route`] describes, since the
/// OCI Distribution Specification does.
pub(crate) fn routes(factory: &Arc<Factory>, registry: Part) -> Routes {
    let all = NOUNS
        .iter()
        .filter_map(|routes| gate::serve(routes, factory))
        .fold(registry, |before, part| before.or(part).unify().boxed());
    complete(filters::changes(factory).and(all))
}

/// Most bytes of a body that holds a workflow's text in JSON, where each character may take six.
fn workflow_limit(factory: &Factory) -> u64 {
    factory.config.limits.workflow_bytes.saturating_mul(6).saturating_add(4096)
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
