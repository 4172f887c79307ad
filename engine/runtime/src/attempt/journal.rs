//! The effect journal of one attempt: every entry goes through the run's actor, behind the attempt's token.

use std::sync::Arc;

use async_trait::async_trait;
use engine_ports::{EffectJournal, EffectRecord, JournalError, StepLog};
use serde_json::Value as Json;
use tokio::sync::oneshot;
use vocab::{RunId, StepPath};

use super::REPEAT_PAUSE;
use super::leash::{Leash, Stop};
use crate::driver::{JournalEntry, JournalWrite, Message};
use crate::effects::holds_secret;
use crate::shared::Shared;

/// Writes to the journal as long as the attempt holds its lease.
pub(super) struct AttemptJournal {
    pub(super) shared: Arc<Shared>,
    pub(super) run: RunId,
    pub(super) path: StepPath,
    pub(super) token: u64,
    pub(super) leash: Arc<Leash>,
    /// Knows the secrets that the attempt was given.
    pub(super) log: Arc<dyn StepLog>,
}

impl AttemptJournal {
    /// The journal is kept for as long as the run, and shown.
    fn without_secrets(&self, what: &'static str, name: &str, json: &Json) -> Result<(), JournalError> {
        if holds_secret(json, self.log.as_ref()) {
            return Err(JournalError::Secret { what, effect: name.to_owned() });
        }
        Ok(())
    }

    async fn write(&self, name: &str, write: JournalWrite) -> Result<EffectRecord, JournalError> {
        loop {
            if self.leash.why() == Some(Stop::Lost) {
                return Err(JournalError::LeaseLost);
            }
            let (answer, answered) = oneshot::channel();
            let (path, name, write) = (self.path.clone(), name.to_owned(), write.clone());
            let entry = JournalEntry { path, name, token: self.token, write, answer };
            self.shared.send(self.run, Message::Journal(Box::new(entry))).await;
            if let Ok(outcome) = answered.await {
                return outcome;
            }
            // The store failed, and the run is being read anew: only the journal knows whether this is in it. Until it
            // says so, the attempt does nothing.
            if self.shared.stopped.is_cancelled() {
                return Err(JournalError::Store("the factory stops".to_owned()));
            }
            tokio::time::sleep(REPEAT_PAUSE).await;
        }
    }
}

#[async_trait]
impl EffectJournal for AttemptJournal {
    async fn begin(&self, name: &str, intent: Json) -> Result<EffectRecord, JournalError> {
        // An attempt that was told to stop makes nothing new.
        if self.leash.why().is_some() {
            return Err(JournalError::LeaseLost);
        }
        self.without_secrets("intent", name, &intent)?;
        self.write(name, JournalWrite::Begin(intent)).await
    }

    async fn made(&self, name: &str, handle: Json) -> Result<(), JournalError> {
        // The effect is there already. Its intent stays open, so that it is looked for and undone.
        self.without_secrets("handle", name, &handle)?;
        self.write(name, JournalWrite::Made(handle)).await.map(drop)
    }

    async fn absent(&self, name: &str) -> Result<(), JournalError> {
        self.write(name, JournalWrite::Absent).await.map(drop)
    }
}
