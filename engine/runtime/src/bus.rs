//! The bus of a single process: a bounded broadcast. Who lags is told so and reads the store.

use engine_ports::{EventBus, Notice};
use tokio::sync::broadcast;

/// Carries notices within this process.
#[derive(Debug)]
pub struct InProcessBus {
    sender: broadcast::Sender<Notice>,
}

impl InProcessBus {
    /// A bus on which a listener may lag `backlog` notices behind.
    pub fn new(backlog: usize) -> Self {
        Self { sender: broadcast::Sender::new(backlog.max(1)) }
    }
}

impl EventBus for InProcessBus {
    fn publish(&self, notice: Notice) {
        // Nobody listening is no failure: the events are in the store.
        let _ = self.sender.send(notice);
    }

    fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.sender.subscribe()
    }
}
