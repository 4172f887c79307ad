//! What callers see of runs, made from rows and from what attempts say about themselves.

use std::collections::HashMap;

use engine_core::plan::Plan;
use engine_ports::{Progress, RunRow, StoreError};
use vocab::{RunId, StepStatus};

use super::Factory;
use crate::model::{PlanAnswer, StepView};
use crate::ui::bytes;

impl Factory {
    /// The steps of a run, with what they are doing now.
    pub(crate) async fn step_views(&self, run: RunId) -> Result<Vec<StepView>, StoreError> {
        let rows = self.runs.steps(run).await?;
        let now = self.clock.now();
        let doing: HashMap<_, _> = self.engine.progress(run).into_iter().collect();
        Ok(rows
            .into_iter()
            .map(|row| {
                let running = row.status == StepStatus::Running;
                let progress = doing.get(&row.path).filter(|_| running).map(words);
                StepView { progress, ..StepView::new(row, now) }
            })
            .collect())
    }

    /// The plan that a run follows.
    pub(crate) async fn plan_of(&self, row: &RunRow) -> Result<PlanAnswer, StoreError> {
        let damaged = |reason: String| StoreError::Damaged { row: format!("plan {}", row.plan), reason };
        let plan: Plan = serde_json::from_value(self.runs.plan(&row.plan).await?)
            .map_err(|error| damaged(error.to_string()))?;
        Ok(PlanAnswer::new(&plan))
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
