//! One task archives complete logs, one after the other: it shall not take the disk from the runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use vocab::{RunId, StepPath, TenantName};

use crate::shared::Shared;

/// Logs that may wait. For more there is the look for what was left.
const QUEUE: usize = 1024;
/// Pause between two looks for logs that could not be archived when they were complete.
const PAUSE: Duration = Duration::from_secs(3600);

/// The log of an attempt that has ended, its end durable.
pub(crate) struct CompleteLog {
    pub(crate) tenant: TenantName,
    pub(crate) run: RunId,
    pub(crate) path: StepPath,
    pub(crate) attempt: u32,
}

/// Logs that wait for the archiver.
pub(crate) struct ArchiveQueue {
    logs: mpsc::Sender<CompleteLog>,
    /// Some did not fit: they lie as files.
    left: AtomicBool,
    /// All of them wait for the next start.
    closed: bool,
}

impl ArchiveQueue {
    pub(super) fn new(closed: bool) -> (Self, mpsc::Receiver<CompleteLog>) {
        let (logs, complete) = mpsc::channel(QUEUE);
        (Self { logs, left: AtomicBool::new(false), closed }, complete)
    }

    /// Has a log archived soon. Never waits.
    pub(crate) fn add(&self, log: CompleteLog) {
        if !self.closed && self.logs.try_send(log).is_err() {
            self.left.store(true, Ordering::Relaxed);
        }
    }
}

/// Archives what comes; at the start, now and then, and after a crowd, what was left as files.
pub(super) async fn archive(shared: Arc<Shared>, mut complete: mpsc::Receiver<CompleteLog>) {
    loop {
        if let Err(error) = shared.logs.archive_left().await {
            tracing::warn!(%error, "some logs stay files for now");
        }
        let mut pause = std::pin::pin!(tokio::time::sleep(PAUSE));
        // A queue that overflowed is emptied before the files are looked through.
        while !(complete.is_empty() && shared.archive.left.swap(false, Ordering::Relaxed)) {
            tokio::select! {
                () = &mut pause => break,
                log = complete.recv() => {
                    let Some(CompleteLog { tenant, run, path, attempt }) = log else { return };
                    if let Err(error) = shared.logs.archive(&tenant, run, &path, attempt).await {
                        tracing::warn!(%run, %path, attempt, %error, "a log stays a file for now");
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use vocab::SeededIds;

    use super::*;

    fn fill(queue: &ArchiveQueue, logs: usize) {
        let run = RunId::generate(&SeededIds::default());
        for _ in 0..logs {
            let (tenant, path) = (TenantName::default_tenant(), "a".parse().unwrap());
            queue.add(CompleteLog { tenant, run, path, attempt: 1 });
        }
    }

    #[test]
    fn what_does_not_fit_is_remembered_as_left() {
        let (queue, complete) = ArchiveQueue::new(false);
        fill(&queue, QUEUE);
        assert_eq!((complete.len(), queue.left.load(Ordering::Relaxed)), (QUEUE, false));
        fill(&queue, 1);
        assert_eq!((complete.len(), queue.left.load(Ordering::Relaxed)), (QUEUE, true));
    }

    #[test]
    fn a_process_that_leaves_files_has_nothing_to_archive() {
        let (queue, complete) = ArchiveQueue::new(true);
        fill(&queue, QUEUE + 1);
        assert_eq!((complete.len(), queue.left.load(Ordering::Relaxed)), (0, false));
    }
}
