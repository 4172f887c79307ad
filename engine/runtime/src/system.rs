//! The real clock and the real source of ids: the one place that asks the machine for either.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;
use vocab::{Clock, IdSource, Timestamp};

use crate::steady::{Reading, Steady};

/// The machine's time, for one process.
///
/// [`Clock::now`] begins with the wall clock and goes on by the monotonic one. It follows the wall clock by running at
/// most 5 % faster or slower, so what the network's time corrects is taken over, and a wall clock that jumps moves no
/// deadline at once and removes nothing that is still to be kept: a step of a minute is made good within 20 minutes,
/// one of a day within 20 days. It never goes back. A difference of more than 10 s is warned of, once.
///
/// Monotonic time is `CLOCK_MONOTONIC`, which stands still while the machine is suspended, and not `CLOCK_BOOTTIME`,
/// which goes on. Nothing works while the machine sleeps, so sleep is not held against a run. A virtual machine that
/// its host pauses sees neither clock go on, and then a wall clock that is set: both kinds of sleep are the same here.
/// The price is that records lag behind the wall clock after a long sleep. A restart takes the wall clock over as it
/// is: let the machine get its time before the factory starts. Only runs with events that lie ahead of it keep their own
/// time.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    steady: Mutex<Steady>,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    #[expect(clippy::disallowed_methods, reason = "this is the home of monotonic time")]
    pub fn new() -> Self {
        let at = Reading { monotonic: Duration::ZERO, wall: wall() };
        Self { start: Instant::now(), steady: Mutex::new(Steady::begin(at)) }
    }
}

/// Nanoseconds since the Unix epoch, as the machine's wall clock has them.
#[expect(clippy::disallowed_methods, reason = "this is the home of wall time")]
fn wall() -> i128 {
    jiff::Timestamp::now().as_nanosecond()
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let (time, ahead) = {
            let mut steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
            let (next, ahead) = steady.follow(Reading { monotonic: self.monotonic(), wall: wall() });
            *steady = next;
            (next.time(), ahead)
        };
        if let Some(ahead) = ahead {
            tracing::warn!(
                ahead_seconds = ahead / 1_000_000_000,
                "the machine's clock was set, or the machine slept: time here follows it slowly, by 5 %; restart the \
                 factory to take it over at once"
            );
        }
        // Milliseconds of any date that a machine can show fit.
        Timestamp::from_millis(i64::try_from(time.div_euclid(1_000_000)).unwrap_or(i64::MAX))
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
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn time_begins_with_the_wall_clock_and_only_grows() {
        let before = wall();
        let clock = SystemClock::new();
        let first = clock.now();
        assert!(i128::from(first.as_millis()) >= before.div_euclid(1_000_000));
        assert!(clock.now() >= first);
        let ahead = Reading { monotonic: Duration::ZERO, wall: wall() + 86_400_000_000_000 };
        *clock.steady.lock().unwrap() = Steady::begin(ahead);
        let later = clock.now();
        assert!(later.since(first) >= Duration::from_secs(86_300), "the wall clock was set back by a day");
        assert!(clock.now() >= later);
    }

    #[test]
    fn ids_only_grow_even_when_the_clock_was_set_back() {
        let ids = SystemIds::new();
        let far = Uuid::from_u128(Uuid::max().as_u128() >> 1);
        *ids.last.lock().unwrap() = Some(far);
        let first = ids.uuid();
        assert!(first > far && ids.uuid() > first);
    }
}
