//! What callers see of runs, made from rows and from what attempts say about themselves.

use std::collections::{BTreeSet, HashMap};

use engine_core::plan::Plan;
use engine_core::run::{Event, EventKind};
use engine_ports::{EventRecord, Progress, RunRow, StepRow, StoreError};
use vocab::{RunId, RunStatus, StepPath, StepStatus};

use super::Factory;
use crate::model::{PlanAnswer, StepView, TakenFrom, WaitsView};
use crate::ui::bytes;

/// Events read at once.
const PAGE: u32 = 200;

impl Factory {
    /// The steps of a run, with what they are doing now.
    pub(crate) async fn step_views(&self, run: RunId) -> Result<Vec<StepView>, StoreError> {
        let rows = self.runs.steps(run).await?;
        let now = self.clock.now();
        let mut taken = self.taken_over(run, &rows).await?;
        let doing: HashMap<_, _> = self.engine.progress(run).into_iter().collect();
        Ok(rows
            .into_iter()
            .map(|row| {
                let running = row.status == StepStatus::Running;
                let progress = doing.get(&row.path).filter(|_| running).map(words);
                let taken_over = taken.remove(&row.path);
                StepView { taken_over, progress, ..StepView::new(row, now) }
            })
            .collect())
    }

    /// From where the steps are that were taken over. Rows do not say it: the first events of the run do, and they are
    /// read only where a row shows outputs that no attempt of this run gave.
    async fn taken_over(
        &self,
        run: RunId,
        rows: &[StepRow],
    ) -> Result<HashMap<StepPath, TakenFrom>, StoreError> {
        let mut taken = HashMap::new();
        if !rows.iter().any(|row| row.cached && row.attempts == 0) {
            return Ok(taken);
        }
        let mut after = 0;
        loop {
            let events = self.runs.events(run, after, PAGE).await?;
            for event in &events {
                if let Some((path, from)) = source(event) {
                    taken.insert(path, from);
                }
            }
            let started = events.iter().any(|event| event.kind == EventKind::RunStarted.name());
            match events.last().filter(|_| !started) {
                Some(last) => after = last.seq,
                None => break,
            }
        }
        Ok(taken)
    }

    /// What the queued ones of these runs wait for.
    pub(crate) async fn waits(&self, rows: &[RunRow]) -> Result<HashMap<RunId, WaitsView>, StoreError> {
        let queued = rows.iter().filter(|row| row.status == RunStatus::Queued);
        let tenants: BTreeSet<_> = queued.map(|row| &row.tenant).collect();
        let mut waits = HashMap::new();
        for tenant in tenants {
            let of = self.engine.waiting(tenant).await?;
            waits.extend(of.into_iter().map(|(run, waits)| (run, WaitsView::from(waits))));
        }
        Ok(waits)
    }

    /// The plan that a run follows, as callers see it.
    pub(crate) async fn plan_of(&self, row: &RunRow) -> Result<PlanAnswer, StoreError> {
        Ok(PlanAnswer::new(&self.stored_plan(row).await?))
    }

    /// The plan that a run follows.
    pub(crate) async fn stored_plan(&self, row: &RunRow) -> Result<Plan, StoreError> {
        let damaged = |reason: String| StoreError::Damaged { row: format!("plan {}", row.plan), reason };
        serde_json::from_value(self.runs.plan(&row.plan).await?).map_err(|error| damaged(error.to_string()))
    }
}

/// The step that was taken over, where the event says so, and from where.
fn source(event: &EventRecord) -> Option<(StepPath, TakenFrom)> {
    if event.kind != EventKind::StepTakenOver.name() {
        return None;
    }
    match Event::from_parts(&event.kind, event.v, event.payload.clone()) {
        Ok(Event::StepTakenOver { path, from, .. }) => {
            Some((path, TakenFrom { run: from.run, step: from.path.to_string() }))
        }
        _ => None,
    }
}

/// How far something has come, in a few words.
fn words(progress: &Progress) -> String {
    let count = |number: u64| if progress.unit == "bytes" { bytes(number) } else { number.to_string() };
    let unit = if progress.unit == "bytes" { String::new() } else { format!(" {}", progress.unit) };
    match (progress.done, progress.total) {
        (0, None) => progress.message.clone(),
        (done, None) => format!("{} {}{unit}", progress.message, count(done)),
        (done, Some(total)) => format!("{} {} of {}{unit}", progress.message, count(done), count(total)),
    }
}
