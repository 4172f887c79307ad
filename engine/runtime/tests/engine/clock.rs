//! The machine's clock, which a test sets as an administrator would.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use engine_runtime::SystemClock;
use vocab::{Clock, Timestamp};

/// Goes on like the machine's, so many milliseconds ahead of it.
#[derive(Debug, Default)]
pub(crate) struct SetClock {
    machine: SystemClock,
    ahead: AtomicI64,
}

impl SetClock {
    /// Sets it: forward, or back.
    pub(crate) fn set_by(&self, millis: i64) {
        self.ahead.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.machine.now().as_millis() + self.ahead.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }
}
