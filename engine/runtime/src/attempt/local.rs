//! The attempts that this process executes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vocab::{RunId, StepPath};

use super::leash::{Leash, Stop};

/// An attempt that this process executes.
#[derive(Debug, Clone)]
pub(crate) struct LocalAttempt {
    pub(crate) run: RunId,
    pub(crate) path: StepPath,
    /// Its fencing token: with the run, its name.
    pub(crate) token: u64,
    pub(crate) leash: Arc<Leash>,
}

/// All of them, from their grant until their report is durable.
#[derive(Debug, Default)]
pub(crate) struct LocalAttempts(Mutex<HashMap<(RunId, u64), LocalAttempt>>);

impl LocalAttempts {
    fn all(&self) -> MutexGuard<'_, HashMap<(RunId, u64), LocalAttempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keep(&self, attempt: LocalAttempt) {
        self.all().insert((attempt.run, attempt.token), attempt);
    }

    /// Takes an attempt off the list. One that ran ahead of a commit that failed has its token from nowhere: another
    /// attempt may have the same by now, and stays.
    pub(crate) fn forget(&self, run: RunId, token: u64, leash: &Arc<Leash>) {
        let mut all = self.all();
        if all.get(&(run, token)).is_some_and(|held| Arc::ptr_eq(&held.leash, leash)) {
            all.remove(&(run, token));
        }
    }

    pub(crate) fn has(&self, run: RunId, token: u64) -> bool {
        self.all().contains_key(&(run, token))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Those that run now and whose leases are in the store.
    pub(crate) fn list(&self) -> Vec<LocalAttempt> {
        self.all().values().filter(|attempt| attempt.leash.is_granted()).cloned().collect()
    }

    /// Stops all of them as lost: the next start goes on with their runs.
    pub(crate) fn lose(&self) {
        for attempt in self.all().values() {
            attempt.leash.stop(Stop::Lost);
        }
    }
}
