//! A journal in memory that can fail at any of its writes.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use engine_ports::{EffectJournal, EffectKey, EffectRecord, JournalError};
use serde_json::Value as Json;
use vocab::{ActionManifest, EffectState, RunId, StepPath};

/// At which write the journal fails, counted from 0 over all attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing was written.
    Before(usize),
    /// It was written, and the answer was lost.
    After(usize),
}

/// The effects of one step, over all of its attempts.
#[derive(Default)]
pub struct FakeJournal(Mutex<State>);

#[derive(Default)]
struct State {
    records: Vec<EffectRecord>,
    writes: usize,
    fault: Option<Fault>,
}

impl FakeJournal {
    /// Fails once, there.
    pub fn fail_at(&self, fault: Fault) {
        self.lock().fault = Some(fault);
    }

    /// Whether the fault was met.
    pub fn has_failed(&self) -> bool {
        self.lock().fault.is_none()
    }

    /// How often something was written.
    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    /// The records in journal order.
    pub fn records(&self) -> Vec<EffectRecord> {
        self.lock().records.clone()
    }

    /// Writes what a probe or an undo found, as the engine does.
    pub fn conclude(&self, seq: u64, state: EffectState, handle: Option<Json>) {
        let mut journal = self.lock();
        let record =
            journal.records.iter_mut().find(|record| record.seq == seq).expect("a record of this journal");
        record.state = state;
        record.handle = handle.or_else(|| record.handle.take());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds this")
    }

    fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T, JournalError> {
        let lost = || JournalError::Store("the test said so".to_owned());
        let mut state = self.lock();
        let number = state.writes;
        state.writes += 1;
        if state.fault == Some(Fault::Before(number)) {
            state.fault = None;
            return Err(lost());
        }
        let written = change(&mut state);
        if state.fault == Some(Fault::After(number)) {
            state.fault = None;
            return Err(lost());
        }
        Ok(written)
    }
}

/// One attempt's view of the journal.
pub(super) struct AttemptJournal {
    pub(super) journal: Arc<FakeJournal>,
    pub(super) manifest: ActionManifest,
    pub(super) run: RunId,
    pub(super) path: StepPath,
    pub(super) attempt: u32,
}

/// Whether a record stands for something that is or may be there.
pub(super) const fn is_alive(record: &EffectRecord) -> bool {
    matches!(record.state, EffectState::Intended | EffectState::Made)
}

#[async_trait]
impl EffectJournal for AttemptJournal {
    async fn begin(&self, name: &str, intent: Json) -> Result<EffectRecord, JournalError> {
        if !self.manifest.effects.iter().any(|effect| effect.name == name) {
            return Err(JournalError::Undeclared(name.to_owned()));
        }
        self.journal.write(|state| {
            let known = state.records.iter().find(|record| record.key.name == name && is_alive(record));
            if let Some(known) = known {
                return known.clone();
            }
            let record = EffectRecord {
                key: EffectKey { run: self.run, path: self.path.clone(), name: name.to_owned() },
                action: self.manifest.action.clone(),
                intent,
                handle: None,
                state: EffectState::Intended,
                attempt: self.attempt,
                seq: state.records.len() as u64 + 1,
            };
            state.records.push(record.clone());
            record
        })
    }

    async fn made(&self, name: &str, handle: Json) -> Result<(), JournalError> {
        self.close(name, EffectState::Made, Some(handle))
    }

    async fn absent(&self, name: &str) -> Result<(), JournalError> {
        self.close(name, EffectState::Undone, None)
    }
}

impl AttemptJournal {
    fn close(&self, name: &str, to: EffectState, handle: Option<Json>) -> Result<(), JournalError> {
        self.journal.write(|state| {
            let open = state.records.iter_mut().find(|record| record.key.name == name && is_alive(record));
            let record = open.expect("an action closes only what it began");
            record.state = to;
            record.handle = handle;
        })
    }
}
