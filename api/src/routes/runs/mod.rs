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

use engine_ports::RunRow;
use vocab::{ProjectId, RunId};

use super::table::Route;
use crate::factory::Factory;
use crate::filters::Caller;
use crate::model::RunSummary;
use crate::problem::Problem;

/// What is posted besides a workflow's text is small.
const BODY: u64 = 256 * 1024;

pub(super) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &create::ROUTE,
    &get::ROUTE,
    &steps::ROUTE,
    &effects::ROUTE,
    &graph::ROUTE,
    &events::ROUTE,
    &logs::ROUTE,
    &diff::ROUTE,
    &cancel::ROUTE,
    &retry::ROUTE,
    &decide::ROUTE,
    &undo::ROUTE,
];

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
