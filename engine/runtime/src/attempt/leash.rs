//! How a running attempt is told to stop, and why.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// Why an attempt must stop. The first reason counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The run wants it: cancelled, or its time is over.
    Asked,
    /// Its own time is over.
    TimedOut,
    /// Its work folder is larger than allowed.
    TooLarge,
    /// It does not hold its lease any more, or the worker shuts down: it may say nothing.
    Lost,
}

/// Holds one attempt.
#[derive(Debug, Default)]
pub(crate) struct Leash {
    cancel: CancellationToken,
    why: OnceLock<Stop>,
    granted: AtomicBool,
}

impl Leash {
    /// Makes the attempt stop.
    pub(crate) fn stop(&self, why: Stop) {
        // A second reason changes nothing.
        let _ = self.why.set(why);
        self.cancel.cancel();
    }

    /// Why it must stop, once it must.
    pub(crate) fn why(&self) -> Option<Stop> {
        self.why.get().copied()
    }

    /// Its lease is in the store: until then the attempt runs ahead of the disk.
    pub(crate) fn grant(&self) {
        self.granted.store(true, Ordering::Release);
    }

    /// Whether its lease is, or was, in the store.
    pub(crate) fn is_granted(&self) -> bool {
        self.granted.load(Ordering::Acquire)
    }

    /// Fires when it must stop.
    pub(crate) const fn token(&self) -> &CancellationToken {
        &self.cancel
    }
}
