//! A run of a server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use vocab::RunId;

use super::{Snapshot, Watched};
use crate::cli::Failure;
use crate::cli::client::Server;
use crate::model::{PlanAnswer, PlanStepView};

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// A run that is looked at over the network.
pub(in crate::cli) struct RemoteRun<'a> {
    server: &'a Server,
    run: RunId,
    plan: Arc<[PlanStepView]>,
}

impl<'a> RemoteRun<'a> {
    /// Finds the run.
    pub(in crate::cli) async fn new(server: &'a Server, run: RunId) -> Result<Self, Failure> {
        let plan: PlanAnswer = server.get(&format!("/api/v1/runs/{run}/graph")).await?;
        Ok(Self { server, run, plan: plan.steps.into() })
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
}
