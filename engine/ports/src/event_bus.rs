//! Wakes whoever waits for news of a run. Losing a notice costs latency, never work.

use tokio::sync::broadcast;
use vocab::{RunId, TenantName};

/// News: a run has events up to `seq`, durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whose run it is.
    pub tenant: TenantName,
    /// The run.
    pub run: RunId,
    /// Sequence number of its newest durable event.
    pub seq: u64,
    /// Whether the run has ended with it. Whoever waits for that alone need not read the row before.
    pub ended: bool,
}

/// Carries notices. Published only after the events are durable.
pub trait EventBus: Send + Sync {
    /// Tells everybody who listens; never waits.
    fn publish(&self, notice: Notice);

    /// Listens from now on. A listener that lags sees `Lagged` and reads the store.
    fn subscribe(&self) -> broadcast::Receiver<Notice>;
}
