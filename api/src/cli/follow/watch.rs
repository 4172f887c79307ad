//! The loop: take a snapshot, show it, wait for news.

use async_trait::async_trait;

use super::Snapshot;
use super::view::View;
use crate::cli::Failure;
use crate::model::RunDetail;
use crate::ui::Ui;

/// A run that can be looked at.
#[async_trait]
pub(in crate::cli) trait Watched: Send {
    /// How it is now.
    async fn snapshot(&mut self) -> Result<Snapshot, Failure>;

    /// Returns when there may be news, at the latest after a moment.
    async fn news(&mut self);
}

/// Shows a run until it ends.
pub(in crate::cli) async fn follow(run: &mut dyn Watched, ui: Ui) -> Result<RunDetail, Failure> {
    let mut view = View::new(ui);
    loop {
        let snapshot = run.snapshot().await?;
        view.show(&snapshot);
        if snapshot.detail.run.status.is_terminal() {
            view.close(&snapshot);
            return Ok(snapshot.detail);
        }
        run.news().await;
    }
}
