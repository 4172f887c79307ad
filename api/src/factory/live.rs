//! The parts, and the bounds on what is done with them at once.

use std::sync::{Arc, OnceLock};

use engine_ports::{EventBus, ProjectStore, RunStore};
use engine_runtime::{Engine, Logs};
use engine_stores::SqlDatabase;
use lang::{Catalogue, Compilation, CompileOptions, SourceFile, Trust};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use vocab::{Clock, IdSource, ProjectId};

use crate::config::Config;
use crate::data::Sealer;
use crate::filters::Tokens;
use crate::metrics::Metrics;
use crate::problem::{Problem, ProblemKind};
use crate::trigger::{DeliverySlots, UnderWay, WorkflowFile, WorkflowSource, WorkflowText};

/// Followers of events and logs at once.
const MOST_STREAMS: usize = 512;

/// What a factory is made of.
pub(crate) struct FactoryParts {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) runs: Arc<dyn RunStore>,
    pub(crate) projects: Arc<dyn ProjectStore>,
    pub(crate) tokens: Tokens,
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) logs: Logs,
    pub(crate) catalogue: Catalogue,
    pub(crate) sealer: Sealer,
    pub(crate) engine: Engine,
    pub(crate) source: Arc<dyn WorkflowSource>,
    pub(crate) metrics: Metrics,
    /// To ask whether they still take writes.
    pub(crate) databases: [SqlDatabase; 2],
}

/// A factory at work.
pub(crate) struct Factory {
    parts: FactoryParts,
    base: OnceLock<String>,
    draining: CancellationToken,
    closing: CancellationToken,
    streams: Arc<Semaphore>,
    /// Room to work off deliveries.
    pub(crate) delivery_slots: DeliverySlots,
    /// Deliveries that somebody works on.
    pub(crate) under_way: UnderWay,
}

impl std::ops::Deref for Factory {
    type Target = FactoryParts;

    fn deref(&self) -> &FactoryParts {
        &self.parts
    }
}

impl Factory {
    pub(crate) fn new(parts: FactoryParts) -> Self {
        Self {
            parts,
            base: OnceLock::new(),
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            delivery_slots: DeliverySlots::default(),
            under_way: UnderWay::default(),
        }
    }

    /// URL under which others reach the server; empty where nothing is served.
    pub(crate) fn base(&self) -> &str {
        self.base.get().map_or("", String::as_str)
    }

    /// Says, once, under which URL others reach the server.
    pub(crate) fn serves_at(&self, base: String) {
        // A second address would be a fault of the wiring; the first stays.
        let _ = self.base.set(base);
    }

    /// From now on no new work is taken.
    pub(crate) fn drain(&self) {
        self.draining.cancel();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Ends streams that would otherwise go on for ever.
    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    /// Returns when streams must end.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Refuses while the server drains.
    pub(crate) fn accepts_work(&self) -> Result<(), Problem> {
        if self.is_draining() {
            let text = "the server is shutting down and takes no new work";
            return Err(Problem::new(ProblemKind::Unavailable, text).retry_after(30));
        }
        Ok(())
    }

    /// Room for one more follower, or 429.
    pub(crate) fn stream_slot(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            let text = format!("{MOST_STREAMS} clients follow runs already");
            Problem::new(ProblemKind::TooMany, text).retry_after(10)
        })
    }

    /// Compiles a workflow with the bounds of this server.
    pub(crate) fn compile(&self, file: &str, text: &[u8], trust_host: bool) -> Compilation {
        let trust = if trust_host { Trust::Host } else { Trust::Isolated };
        let options = CompileOptions { limits: self.config.limits.clone(), trust };
        lang::compile(&SourceFile::from_bytes(file, text), &self.catalogue, &options)
    }

    /// Compiles a workflow out of a repository.
    pub(crate) fn compile_file(&self, file: &WorkflowFile, trust_host: bool) -> Compilation {
        match &file.text {
            WorkflowText::Bytes(text) => self.compile(&file.path, text, trust_host),
            WorkflowText::Link => lang::refuse_link(&file.path),
            WorkflowText::TooLarge(bytes) => lang::refuse_too_large(&file.path, *bytes, &self.config.limits),
        }
    }
}

/// Where a webhook's secret is sealed for.
pub(crate) fn seal_place(project: ProjectId) -> String {
    format!("project/{project}/webhook")
}
