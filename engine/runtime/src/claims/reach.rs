//! Has a word carried out by whichever process drives the run.

use std::sync::Arc;
use std::time::Duration;

use engine_ports::{Claim, Request, StoreError};
use tokio::sync::oneshot;
use vocab::{RequestId, RunId, TenantName};

use crate::driver::{Ask, Message, Reply, Told};
use crate::engine::AskError;
use crate::shared::Shared;

/// Pause between two looks for the answer of another process.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// How long the answer of another process is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

impl Shared {
    /// This process's hold, as commits carry it. `None` where the rows are its alone.
    pub(crate) fn claim(&self) -> Option<Claim> {
        let claims = self.claims.as_ref()?;
        Some(Claim { worker: self.worker, term: claims.term(self.clock.now()) })
    }

    /// The hold on the run that this process has now. Without claims it holds every run, always.
    pub(crate) fn hold(&self, run: RunId) -> Option<u64> {
        self.claims.as_ref().map_or(Some(0), |claims| claims.hold(run, self.clock.monotonic()))
    }

    /// Whether this process drives the run; takes it over when nobody does.
    async fn drives(self: &Arc<Self>, run: RunId) -> Result<bool, StoreError> {
        let Some(Claim { worker, term }) = self.claim() else { return Ok(true) };
        if self.hold(run).is_some() {
            return Ok(true);
        }
        if !self.store.claim_run(worker, term, run).await? {
            return Ok(false);
        }
        // It is read when the word comes.
        if let Some(claims) = &self.claims {
            claims.take(run);
        }
        Ok(self.hold(run).is_some())
    }

    /// Has a word carried out, and waits for what became of it.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        tenant: &TenantName,
        run: RunId,
        ask: Ask,
    ) -> Result<Told, AskError> {
        if self.drives(run).await? {
            let (answer, answered) = oneshot::channel();
            self.send(run, Message::Asked(ask, Reply::Here(answer))).await;
            let unknown = || StoreError::Database("the run is being read anew; ask again".to_owned());
            return answered.await.map_err(|_| AskError::Store(unknown()));
        }
        let request = self.post(tenant, run, &ask).await?;
        let start = self.clock.monotonic();
        loop {
            if let Some(answer) = self.store.take_answer(request).await? {
                return serde_json::from_value(answer).map_err(|error| {
                    AskError::Store(StoreError::Damaged {
                        row: format!("requests {request}"),
                        reason: error.to_string(),
                    })
                });
            }
            if self.clock.monotonic().saturating_sub(start) > PATIENCE {
                return Err(AskError::Elsewhere(run));
            }
            tokio::select! {
                () = self.stopped.cancelled() => return Err(AskError::Closing),
                () = tokio::time::sleep(LOOK_PAUSE) => {}
            }
            // The process that drove it may be gone: then this one carries out what it asked for.
            self.drives(run).await?;
        }
    }

    /// Has a word carried out sooner or later; nobody waits for the answer.
    pub(crate) async fn tell(self: &Arc<Self>, tenant: &TenantName, run: RunId, ask: Ask) {
        loop {
            let told = match self.drives(run).await {
                Ok(true) => {
                    self.send(run, Message::Asked(ask, Reply::Nowhere)).await;
                    return;
                }
                Ok(false) => self.post(tenant, run, &ask).await.map(drop),
                Err(error) => Err(error),
            };
            match told {
                Ok(()) | Err(StoreError::Missing(_) | StoreError::Closed) => return,
                Err(error) => tracing::warn!(%run, %error, "the run cannot be told now"),
            }
            tokio::select! {
                () = self.stopped.cancelled() => return,
                () = tokio::time::sleep(10 * LOOK_PAUSE) => {}
            }
        }
    }

    async fn post(&self, tenant: &TenantName, run: RunId, ask: &Ask) -> Result<RequestId, StoreError> {
        let id = RequestId::generate(self.ids.as_ref());
        let ask = serde_json::to_value(ask).map_err(|error| StoreError::Malformed {
            what: format!("a request to run {run}"),
            reason: error.to_string(),
        })?;
        let request = Request { id, run, tenant: tenant.clone(), asked_at: self.clock.now(), ask };
        self.store.post(request).await?;
        Ok(id)
    }
}
