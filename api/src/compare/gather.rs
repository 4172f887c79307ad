//! Reads what a comparison needs to know about a run.

use std::collections::{BTreeMap, BTreeSet};

use engine_core::run::Event;
use engine_ports::{RunRow, StoreError};
use vocab::{RunId, StepPath};

use super::account::{Account, Heard, hear};
use crate::factory::Factory;

/// Events read at once.
const PAGE: u32 = 500;
/// Runs whose histories are read for what another one took over from them. Each retry can add one.
const SOURCES: usize = 8;

impl Account {
    /// All about the run. What it took over is told by the runs that did the work, as far as they are still there.
    pub(crate) async fn of(factory: &Factory, row: RunRow) -> Result<Self, StoreError> {
        let plan = factory.stored_plan(&row).await?;
        let steps = factory.runs.steps(row.id).await?;
        let mut heard = history(factory, row.id).await?;
        let sources: BTreeSet<RunId> =
            heard.values().filter_map(|step| Some(step.taken_over.as_ref()?.run)).collect();
        for run in sources.into_iter().rev().take(SOURCES) {
            // Only a run of the same tenant: an id in a history is no right to read.
            if factory.runs.run(&row.tenant, run).await?.is_none() {
                continue;
            }
            let told = history(factory, run).await?;
            for step in heard.values_mut() {
                let from = step.taken_over.as_ref().filter(|from| from.run == run);
                if let Some(source) = from.and_then(|from| told.get(&from.path)) {
                    (step.inputs, step.key) = (source.inputs.clone(), source.key.clone());
                }
            }
        }
        Ok(Self { row, plan, steps, heard })
    }
}

async fn history(factory: &Factory, run: RunId) -> Result<BTreeMap<StepPath, Heard>, StoreError> {
    let (mut heard, mut after) = (BTreeMap::new(), 0);
    loop {
        let events = factory.runs.events(run, after, PAGE).await?;
        let Some(last) = events.last() else { return Ok(heard) };
        after = last.seq;
        for record in events {
            let event = Event::from_parts(&record.kind, record.v, record.payload).map_err(|error| {
                StoreError::Damaged {
                    row: format!("event {} of run {run}", record.seq),
                    reason: error.to_string(),
                }
            })?;
            hear(&mut heard, event);
        }
    }
}
