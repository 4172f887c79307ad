//! The catalog's handle.

use std::sync::Arc;
use std::time::Duration;

use migrations::{Database, Work};
use sqlx::SqliteConnection;
use tokio::sync::broadcast;
use vocab::{Clock, Timestamp};

use super::Event;
use crate::Error;
/// Events that a follower may lag behind before it loses the oldest.
const BACKLOG: usize = 1024;

/// The catalog of all repositories. Clones share it.
#[derive(Clone)]
pub struct Catalog {
    database: Database,
    clock: Arc<dyn Clock>,
    lease: Duration,
    events: broadcast::Sender<Event>,
}

impl Catalog {
    pub(crate) fn new(database: Database, clock: Arc<dyn Clock>, lease: Duration) -> Self {
        Self { database, clock, lease, events: broadcast::Sender::new(BACKLOG) }
    }

    /// What happens from now on. Bounded: who lags is told how much was lost.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Tells all who follow. Nobody may be there, and that is fine.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    pub(super) async fn write<T, J>(&self, job: J) -> Result<T, Error>
    where
        J: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Result<T, Error>> + Send + 'static,
        T: Send + 'static,
    {
        self.database.write(job).await
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn leased_until(&self) -> Timestamp {
        self.now().plus(self.lease)
    }

    pub(super) const fn lease(&self) -> Duration {
        self.lease
    }
}
