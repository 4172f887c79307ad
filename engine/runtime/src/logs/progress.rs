//! How far attempts have come: in memory, for people.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use engine_ports::Progress;
use vocab::{RunId, StepPath};

/// The latest progress of every attempt that runs in this process.
#[derive(Debug, Default)]
pub struct ProgressBoard {
    latest: Mutex<BTreeMap<(RunId, StepPath), Progress>>,
}

impl ProgressBoard {
    /// The progress of the run's attempts, by step.
    pub fn of(&self, run: RunId) -> Vec<(StepPath, Progress)> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let of_run = latest.iter().filter(|((owner, _), _)| *owner == run);
        of_run.map(|((_, path), progress)| (path.clone(), progress.clone())).collect()
    }

    pub(super) fn set(&self, run: RunId, path: &StepPath, progress: Progress) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.insert((run, path.clone()), progress);
    }

    pub(super) fn clear(&self, run: RunId, path: &StepPath) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).remove(&(run, path.clone()));
    }
}
