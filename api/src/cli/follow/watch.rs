//! The loop: take a snapshot, show it, wait for news.

use async_trait::async_trait;

use super::view::View;
use super::{Snapshot, Tail, aftermath};
use crate::cli::Failure;
use crate::model::{EventView, RunDetail, StepView};
use crate::ui::Ui;

/// A run that can be looked at.
#[async_trait]
pub(in crate::cli) trait Watched: Send {
    /// How it is now.
    async fn snapshot(&mut self) -> Result<Snapshot, Failure>;

    /// Returns when there may be news, at the latest after a moment.
    async fn news(&mut self);

    /// How the log of a step's newest attempt ends, if it has one that can be read.
    async fn tail(&mut self, step: &StepView) -> Option<Tail>;

    /// Where all of that log is.
    async fn whole_log(&mut self, step: &StepView) -> String;

    /// Some of the events behind `after`; none when there are no more, or none can be read.
    async fn events(&mut self, after: u64) -> Vec<EventView>;

    /// How to undo once more what is stuck.
    fn undo(&self) -> String;
}

/// Shows a run until it ends.
pub(in crate::cli) async fn follow(run: &mut dyn Watched, ui: Ui) -> Result<RunDetail, Failure> {
    let mut view = View::new(ui);
    loop {
        let snapshot = run.snapshot().await?;
        view.show(&snapshot);
        if snapshot.detail.run.status.is_terminal() {
            let left = aftermath(run, &snapshot.detail, &snapshot.effects).await;
            view.close(&snapshot, &left);
            return Ok(snapshot.detail);
        }
        run.news().await;
    }
}
