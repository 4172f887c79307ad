//! The real clock and the real source of ids: the one place that asks the machine for either.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use uuid::Uuid;
use vocab::{Clock, IdSource, Timestamp};

/// The machine's time.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    #[expect(clippy::disallowed_methods, reason = "this is the home of monotonic time")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the home of wall time")]
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// `UUIDv7` from the machine's clock and randomness, each later than the one before.
#[derive(Debug, Default)]
pub struct SystemIds {
    last: Mutex<Option<Uuid>>,
}

impl SystemIds {
    /// A fresh source.
    pub fn new() -> Self {
        Self::default()
    }
}

impl IdSource for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is the home of fresh ids")]
    fn uuid(&self) -> Uuid {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The library counts within a millisecond; counting on from the last id covers a clock that was set back.
        let fresh = Uuid::now_v7();
        let id = match *last {
            Some(before) if fresh <= before => Uuid::from_u128(before.as_u128() + 1),
            _ => fresh,
        };
        *last = Some(id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_only_grow_even_when_the_clock_was_set_back() {
        let ids = SystemIds::new();
        let far = Uuid::from_u128(Uuid::max().as_u128() >> 1);
        *ids.last.lock().unwrap() = Some(far);
        let first = ids.uuid();
        assert!(first > far && ids.uuid() > first);
    }
}
