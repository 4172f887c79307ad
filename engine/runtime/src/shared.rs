//! What actors, attempts and background tasks of one engine have in common.

use std::sync::Arc;

use engine_ports::{EventBus, RunStore, Services};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vocab::{Clock, IdSource, Limits, RunId, WorkerId};

use crate::actions::ActionSet;
use crate::attempt::LocalAttempts;
use crate::claims::Claims;
use crate::dispatch::Slots;
use crate::driver::{Message, Runs};
use crate::engine::ArchiveQueue;
use crate::logs::Logs;
use crate::room::Turns;
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
    /// Complete logs on their way to the archive.
    pub(crate) archive: ArchiveQueue,
    pub(crate) folders: WorkFolders,
    pub(crate) limits: Limits,
    pub(crate) worker: WorkerId,
    /// Which runs this process drives, where several share the rows. `None`: all.
    pub(crate) claims: Option<Claims>,
    pub(crate) slots: Slots,
    /// Whose turn it is among runs that share room.
    pub(crate) turns: Turns,
    /// Room for probing and undoing: it goes on while nothing new may start.
    pub(crate) undo_room: Arc<Semaphore>,
    pub(crate) runs: Runs,
    pub(crate) local: LocalAttempts,
    /// Fires when nothing more may be written: the process ends, or is meant to look as if it had.
    pub(crate) stopped: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Shared {
    /// Hands a message to the run's actor; loads the run when it is not in memory. Waits while its mailbox is full.
    pub(crate) async fn send(self: &Arc<Self>, run: RunId, message: Message) {
        self.runs.send(self, run, message).await;
    }
}
