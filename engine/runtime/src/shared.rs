//! What actors, attempts and background tasks of one engine have in common.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine_ports::{EventBus, RunStore, Services};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vocab::{Clock, IdSource, Limits, RunId, StepPath, WorkerId};

use crate::actions::ActionSet;
use crate::attempt::Leash;
use crate::dispatch::Slots;
use crate::driver::{Message, Runs};
use crate::logs::Logs;
use crate::work::WorkFolders;

/// Everything of an engine that outlives a run.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn RunStore>,
    pub(crate) services: Arc<Services>,
    pub(crate) actions: ActionSet,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) logs: Logs,
    pub(crate) folders: WorkFolders,
    pub(crate) limits: Limits,
    pub(crate) worker: WorkerId,
    pub(crate) slots: Slots,
    /// Room for probing and undoing: it goes on while nothing new may start.
    pub(crate) undo_room: Arc<Semaphore>,
    pub(crate) runs: Runs,
    /// Attempts that this process executes, by fencing token.
    pub(crate) attempts: Mutex<HashMap<(RunId, StepPath), (u64, Arc<Leash>)>>,
    /// Fires when nothing more may be written: the process ends, or is meant to look as if it had.
    pub(crate) stopped: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Shared {
    /// Hands a message to the run's actor; loads the run when it is not in memory. Waits while its mailbox is full.
    pub(crate) async fn send(self: &Arc<Self>, run: RunId, message: Message) {
        self.runs.send(self, run, message).await;
    }

    pub(crate) fn keep_attempt(&self, run: RunId, path: &StepPath, token: u64, leash: &Arc<Leash>) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.insert((run, path.clone()), (token, Arc::clone(leash)));
    }

    pub(crate) fn forget_attempt(&self, run: RunId, path: &StepPath, token: u64) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (run, path.clone());
        if attempts.get(&key).is_some_and(|(held, _)| *held == token) {
            attempts.remove(&key);
        }
    }

    /// The attempts that run here now.
    pub(crate) fn local_attempts(&self) -> Vec<(RunId, StepPath, u64, Arc<Leash>)> {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let all = attempts.iter();
        all.map(|((run, path), (token, leash))| (*run, path.clone(), *token, Arc::clone(leash))).collect()
    }
}
