//! Runs: started, looked at, followed, steered.

mod cancel;
mod create;
mod decide;
mod diff;
mod effects;
mod events;
mod feed;
mod get;
mod graph;
mod list;
mod logs;
mod retry;
mod steps;
mod undo;

use std::collections::HashMap;
use std::sync::Arc;

use engine_ports::RunRow;
use vocab::{ProjectId, RunId};
use warp::Filter as _;

use super::{Part, signed_in};
use crate::factory::Factory;
use crate::filters::{self, Caller};
use crate::model::{CancelRun, DecideRun, NewRunBody, RetryRun, RunSummary};
use crate::problem::Problem;
use crate::reply::settle;

/// What is posted besides a workflow's text is small.
const BODY: u64 = 256 * 1024;

pub(super) fn routes(state: &Arc<Factory>) -> Part {
    reading(state).or(following(state)).unify().or(steering(state)).unify().boxed()
}

fn reading(state: &Arc<Factory>) -> Part {
    let list = warp::path!("api" / "v1" / "runs")
        .and(warp::get())
        .and(signed_in(state))
        .and(warp::query::<list::Query>())
        .then(|state: Arc<Factory>, caller: Caller, query| async move {
            settle(list::list(&state, &caller, query).await)
        });
    let get = warp::path!("api" / "v1" / "runs" / RunId)
        .and(warp::get())
        .and(signed_in(state))
        .then(|run, state: Arc<Factory>, caller: Caller| async move { settle(get::get(&state, &caller, run).await) });
    let steps = warp::path!("api" / "v1" / "runs" / RunId / "steps")
        .and(warp::get())
        .and(signed_in(state))
        .then(|run, state: Arc<Factory>, caller: Caller| async move {
            settle(steps::steps(&state, &caller, run).await)
        });
    let effects = warp::path!("api" / "v1" / "runs" / RunId / "effects")
        .and(warp::get())
        .and(signed_in(state))
        .then(|run, state: Arc<Factory>, caller: Caller| async move {
            settle(effects::effects(&state, &caller, run).await)
        });
    let graph = warp::path!("api" / "v1" / "runs" / RunId / "graph")
        .and(warp::get())
        .and(signed_in(state))
        .then(|run, state: Arc<Factory>, caller: Caller| async move {
            settle(graph::graph(&state, &caller, run).await)
        });
    let diff = warp::path!("api" / "v1" / "runs" / RunId / "diff" / RunId)
        .and(warp::get())
        .and(signed_in(state))
        .then(|a, b, state: Arc<Factory>, caller: Caller| async move {
            settle(diff::compare(&state, &caller, a, b).await)
        });
    list.or(get).unify().or(steps).unify().or(effects).unify().or(graph).unify().or(diff).unify().boxed()
}

fn following(state: &Arc<Factory>) -> Part {
    let events = warp::path!("api" / "v1" / "runs" / RunId / "events")
        .and(warp::get())
        .and(signed_in(state))
        .and(warp::query::<events::Query>())
        .and(warp::header::optional::<String>("accept"))
        .and(warp::header::optional::<u64>("last-event-id"))
        .then(|run, state: Arc<Factory>, caller: Caller, query, accept: Option<String>, last| async move {
            settle(events::events(&state, &caller, run, query, accept.as_deref(), last).await)
        });
    let logs = warp::path!("api" / "v1" / "runs" / RunId / "logs")
        .and(warp::get())
        .and(signed_in(state))
        .and(warp::query::<logs::Query>())
        .then(|run, state: Arc<Factory>, caller: Caller, query| async move {
            settle(logs::logs(&state, &caller, run, query).await)
        });
    events.or(logs).unify().boxed()
}

fn steering(state: &Arc<Factory>) -> Part {
    let limit = state.config.limits.workflow_bytes.saturating_mul(6).saturating_add(BODY);
    let create = warp::path!("api" / "v1" / "runs")
        .and(warp::post())
        .and(signed_in(state))
        .and(filters::json(limit))
        .then(|state: Arc<Factory>, caller: Caller, body: NewRunBody| async move {
            settle(create::create(&state, &caller, body).await)
        });
    let cancel = warp::path!("api" / "v1" / "runs" / RunId / "cancel")
        .and(warp::post())
        .and(signed_in(state))
        .and(filters::json(BODY))
        .then(|run, state: Arc<Factory>, caller: Caller, body: CancelRun| async move {
            settle(cancel::cancel(&state, &caller, run, body).await)
        });
    let retry = warp::path!("api" / "v1" / "runs" / RunId / "retry")
        .and(warp::post())
        .and(signed_in(state))
        .and(filters::json_or_nothing(BODY))
        .then(|run, state: Arc<Factory>, caller: Caller, body: RetryRun| async move {
            settle(retry::retry(&state, &caller, run, body).await)
        });
    let undo = warp::path!("api" / "v1" / "runs" / RunId / "undo")
        .and(warp::post())
        .and(signed_in(state))
        .then(|run, state: Arc<Factory>, caller: Caller| async move {
            settle(undo::undo(&state, &caller, run).await)
        });
    let decide = warp::path!("api" / "v1" / "runs" / RunId / "decisions")
        .and(warp::post())
        .and(signed_in(state))
        .and(filters::json(BODY))
        .then(|run, state: Arc<Factory>, caller: Caller, body: DecideRun| async move {
            settle(decide::decide(&state, &caller, run, body).await)
        });
    create.or(cancel).unify().or(retry).unify().or(undo).unify().or(decide).unify().boxed()
}

/// A run of the caller's tenant; one of another tenant looks missing.
async fn run_of(factory: &Factory, caller: &Caller, run: RunId) -> Result<RunRow, Problem> {
    let found = factory.runs.run(&caller.tenant, run).await?;
    found.ok_or_else(|| Problem::missing(&format!("run {run}")))
}

/// Rows as callers see them, with the names of their projects.
async fn summaries(factory: &Factory, rows: Vec<RunRow>) -> Result<Vec<RunSummary>, Problem> {
    let mut names: HashMap<ProjectId, Option<String>> = HashMap::new();
    let mut waits = factory.waits(&rows).await?;
    let mut summaries = Vec::with_capacity(rows.len());
    for row in rows {
        let name = match row.project {
            Some(id) => {
                if let Some(name) = names.get(&id) {
                    name.clone()
                } else {
                    let name = factory.projects.by_id(id).await?.map(|project| project.name.to_string());
                    names.insert(id, name.clone());
                    name
                }
            }
            None => None,
        };
        let waits = waits.remove(&row.id);
        summaries.push(RunSummary { waits, ..RunSummary::new(row, name, factory.clock.now()) });
    }
    Ok(summaries)
}
