//! A run of a server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use vocab::RunId;

use super::{Snapshot, Tail, Watched};
use crate::cli::Failure;
use crate::cli::client::{Server, escape};
use crate::model::{EventPage, EventView, PlanAnswer, PlanStepView, StepView};

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// Bytes of a line of a log that are kept.
const LINE_BYTES: usize = 8192;
/// A log that does not come in this time is left out.
const PATIENCE: Duration = Duration::from_secs(20);

/// A line of the log without the moment at which it was written.
fn without_time(line: &str) -> &str {
    line.split_once(' ').map_or(line, |(_, text)| text)
}

/// A run that is looked at over the network.
pub(in crate::cli) struct RemoteRun<'a> {
    server: &'a Server,
    run: RunId,
    plan: Arc<[PlanStepView]>,
}

impl<'a> RemoteRun<'a> {
    /// Finds the run, with its plan.
    pub(in crate::cli) async fn new(server: &'a Server, run: RunId) -> Result<Self, Failure> {
        let plan: PlanAnswer = server.get(&format!("/api/v1/runs/{run}/graph")).await?;
        Ok(Self { plan: plan.steps.into(), ..Self::at_rest(server, run) })
    }

    /// A run that is looked at once, without its plan.
    pub(in crate::cli) fn at_rest(server: &'a Server, run: RunId) -> Self {
        Self { server, run, plan: Arc::default() }
    }

    async fn read_tail(&self, step: &StepView) -> Result<Tail, Failure> {
        let path = format!("/api/v1/runs/{}/logs?step={}&follow=false", self.run, escape(&step.path));
        let mut log = self.server.stream(&path).await?;
        let (mut tail, mut open) = (Tail::default(), Vec::new());
        while let Ok(Some(chunk)) = log.chunk().await {
            for &byte in &chunk {
                if byte == b'\n' {
                    tail.push(without_time(&String::from_utf8_lossy(&open)));
                    open.clear();
                } else if open.len() < LINE_BYTES {
                    open.push(byte);
                }
            }
        }
        Ok(tail)
    }
}

#[async_trait]
impl Watched for RemoteRun<'_> {
    async fn snapshot(&mut self) -> Result<Snapshot, Failure> {
        let run = self.run;
        // Effects last: when the run has ended, they are at least as new as its end.
        let detail = self.server.get(&format!("/api/v1/runs/{run}")).await?;
        let effects = self.server.get(&format!("/api/v1/runs/{run}/effects")).await?;
        Ok(Snapshot { detail, effects, plan: Arc::clone(&self.plan) })
    }

    async fn news(&mut self) {
        tokio::time::sleep(LOOK_EVERY).await;
    }

    async fn tail(&mut self, step: &StepView) -> Option<Tail> {
        tokio::time::timeout(PATIENCE, self.read_tail(step)).await.ok()?.ok()
    }

    async fn whole_log(&mut self, step: &StepView) -> String {
        format!("`image-factory runs logs {} '{}'{}`", self.run, step.path, self.server.flags())
    }

    async fn events(&mut self, after: u64) -> Vec<EventView> {
        let path = format!("/api/v1/runs/{}/events?limit=1000&after={after}", self.run);
        self.server.get::<EventPage>(&path).await.map(|page| page.events).unwrap_or_default()
    }

    fn undo(&self) -> String {
        format!("`image-factory runs undo {}{}`", self.run, self.server.flags())
    }
}
