//! A run once more: as a whole, or only what did not succeed, with the outputs of the rest.

use std::collections::BTreeSet;

use engine_core::plan::Plan;
use engine_core::run::{Again, Event, RunLimits};
use engine_ports::{ArtifactError, HoldOwner, RunRow, StoreError};
use serde_json::{Value as Json, json};
use vocab::{RunId, StepPath, TenantName, Value};

use super::admit;
use super::{AskError, Engine, Standing};
use crate::driver::{self, LoadError, NewRun};

impl Engine {
    /// Starts a new run with the plan, the inputs and the trigger of an earlier one, which has to have ended where
    /// `again` says what of it runs again; the outputs of the rest are taken over then. What the earlier one was
    /// trusted with does not come along: `now` says what holds, and where that is too little nothing is started.
    pub async fn retry(
        &self,
        tenant: &TenantName,
        run: RunId,
        by: &str,
        again: Option<&Again>,
        now: Standing,
    ) -> Result<RunId, AskError> {
        let row = self.row(tenant, run).await?;
        let plan = self.shared.store.plan(&row.plan).await?;
        let plan: Plan = serde_json::from_value(plan).map_err(|error| StoreError::Damaged {
            row: format!("plan {}", row.plan),
            reason: error.to_string(),
        })?;
        admit::trusted(&plan, now.trust_host)?;
        let mut trigger = driver::trigger(
            &row.trigger,
            now.source.as_ref(),
            now.trust_host,
            // What the earlier run did not read, this one does not either.
            driver::RunMeta::of(&row).cache_scope.as_deref(),
        );
        if let Some(trigger) = trigger.as_object_mut() {
            trigger.insert("retry_of".to_owned(), json!(run));
            trigger.insert("retried_by".to_owned(), json!(by));
            trigger.insert("again".to_owned(), word(again));
        }
        let fresh = self.id();
        let taken = match again {
            Some(again) => self.take_over(run, fresh, again).await?,
            None => Vec::new(),
        };
        let RunRow { tenant, project, inputs, .. } = row;
        let new =
            NewRun { run: fresh, tenant, project, plan, inputs, trigger, parent: None, origin: None, taken };
        // Should it be refused or fail, upkeep lets go of what is held for a run that is not there.
        Ok(self.create(new).await?)
    }

    /// What the new run takes over from the old one, with all that it names held.
    async fn take_over(&self, old: RunId, fresh: RunId, again: &Again) -> Result<Vec<Event>, AskError> {
        let loaded = driver::load(&self.shared.store, old).await.map_err(|error| match error {
            LoadError::Store(error) => error,
            other => StoreError::Damaged { row: format!("run {old}"), reason: other.to_string() },
        })?;
        let limits = RunLimits::from(&self.shared.limits);
        let (mut held, mut gone) = (BTreeSet::new(), BTreeSet::new());
        loop {
            // What comes before a step that is gone stays as it was, since it does not depend on it.
            let events = loaded.state.take_over(again, &gone, &limits)?;
            match self.hold(fresh, &events, &mut held).await? {
                Some(path) => gone.insert(path),
                None => return Ok(events),
            };
        }
    }

    /// Holds what is taken over for the new run; the first step of which something is not there any more.
    async fn hold(
        &self,
        fresh: RunId,
        events: &[Event],
        held: &mut BTreeSet<StepPath>,
    ) -> Result<Option<StepPath>, AskError> {
        let (artifacts, owner) = (&self.shared.services.artifacts, HoldOwner::Run(fresh));
        for event in events {
            let Event::StepTakenOver { path, outputs, .. } = event else { continue };
            if held.contains(path) {
                continue;
            }
            for artifact in outputs.values().flat_map(Value::artifacts) {
                match artifacts.hold(&owner, artifact).await {
                    Ok(()) => {}
                    Err(error @ (ArtifactError::Missing(_) | ArtifactError::Malformed(_))) => {
                        tracing::info!(run = %fresh, %path, %error, "a step runs again: its outputs are gone");
                        return Ok(Some(path.clone()));
                    }
                    Err(error) => return Err(AskError::Artifacts(error)),
                }
            }
            held.insert(path.clone());
        }
        Ok(None)
    }
}

/// What runs again, as the new run's trigger says it.
fn word(again: Option<&Again>) -> Json {
    match again {
        None => json!("all"),
        Some(Again::Failed) => json!("failed"),
        Some(Again::From(step)) => json!({ "from": step }),
    }
}
