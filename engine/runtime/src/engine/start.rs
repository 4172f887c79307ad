//! The start: nothing is dispatched before everything that an earlier start left is dealt with.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vocab::RunId;

use super::archiver::ArchiveQueue;
use super::{Engine, EngineParts, Sharing, StartError, background};
use crate::attempt::LocalAttempts;
use crate::claims::Claims;
use crate::dispatch::Slots;
use crate::driver::{Loaded, Need, Runs, Start, look};
use crate::room::{Bounds, Turns};
use crate::shared::Shared;
use crate::shim::sweep_stale;
use crate::work::WorkFolders;

/// Runs that are read at once, runs that are kept from that until they recover, and runs that recover at once.
const READERS: usize = 8;

impl Engine {
    /// Starts an engine over a data folder that its caller has locked.
    ///
    /// First processes of an earlier start are ended and its work folders removed; then the events of every unfinished
    /// run are read. A history that this version does not understand refuses the start. Runs in which something is to
    /// be done go on when this returns; those that wait for a time stay in the store until then.
    pub async fn start(parts: EngineParts) -> Result<Self, StartError> {
        let EngineParts {
            store,
            services,
            actions,
            clock,
            ids,
            bus,
            logs,
            log_files_stay,
            dirs,
            space,
            limits,
            worker,
            sharing,
        } = parts;
        let shims = dirs.shims.clone();
        let swept = tokio::task::spawn_blocking(move || sweep_stale(&shims))
            .await
            .map_err(std::io::Error::other)??;
        if swept.killed > 0 {
            tracing::warn!(killed = swept.killed, "processes of an earlier start were ended");
        }
        let folders = WorkFolders::open(&dirs.work)?;
        let (removed, left) = folders.sweep().await?;
        tracing::debug!(removed, "work folders of an earlier start were removed");
        for error in left {
            tracing::warn!(%error, "a work folder of an earlier start is left behind");
        }
        let room = usize::try_from(limits.concurrent_attempts)
            .unwrap_or(usize::MAX)
            .clamp(1, Semaphore::MAX_PERMITS);
        let (slots, offered) = Slots::new(room, &limits.attempts_per_action);
        let turns = Turns::new(Bounds::of(&limits));
        let (archive, complete) = ArchiveQueue::new(log_files_stay);
        let shared = Arc::new(Shared {
            store,
            services,
            actions,
            clock,
            ids,
            bus,
            logs,
            archive,
            folders,
            limits,
            worker,
            claims: match sharing {
                Sharing::Alone => None,
                Sharing::Claims { lasts } => Some(Claims::new(lasts)),
            },
            slots,
            turns,
            undo_room: Arc::new(Semaphore::new(room)),
            runs: Runs::default(),
            local: LocalAttempts::default(),
            stopped: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        // From here on a failure stops what was started: the engine that is dropped does that.
        let engine = Self::new(Arc::clone(&shared));
        background::measure(&shared, &space).await;
        let busy = match &shared.claims {
            None => unfinished(&shared).await?,
            // Each is read once this process has claimed it.
            Some(_) => Vec::new(),
        };
        background::spawn(&shared, offered, complete, space);
        let readers = Arc::new(Semaphore::new(READERS));
        for (run, loaded) in busy {
            // Nobody closes it.
            let Ok(permit) = Arc::clone(&readers).acquire_owned().await else { break };
            shared.runs.start(&shared, run, Start::Recover(loaded, permit));
        }
        Ok(engine)
    }
}

/// A run in which something is to be done, and what was read of it, for few.
type Busy = (RunId, Option<Box<Loaded>>);

/// Reads every unfinished history before anything is dispatched, and keeps few: most runs may only wait for a time.
/// Gives those in which something is to be done.
async fn unfinished(shared: &Arc<Shared>) -> Result<Vec<Busy>, StartError> {
    let mut needs = stream::iter(shared.store.unfinished().await?)
        .map(|run| async move { Ok::<_, StartError>((run, look(shared, run).await?)) })
        .buffered(READERS);
    let (mut busy, mut kept) = (Vec::new(), 0);
    while let Some((run, need)) = needs.try_next().await? {
        match need {
            Need::Actor(loaded) => {
                let loaded = loaded.filter(|_| kept < READERS);
                kept += usize::from(loaded.is_some());
                busy.push((run, loaded));
            }
            Need::Rest(Some(until)) => shared.runs.park(run, until),
            Need::Rest(None) | Need::Nothing => {}
        }
    }
    Ok(busy)
}
