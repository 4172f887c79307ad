//! How often and when an attempt is made again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vocab::ErrorClass;

/// The retry policy of a step. Without `retry` a step has one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all, the first included: 1 to 20.
    pub attempts: u32,
    /// The classes of failures after which there is another attempt.
    pub on: Vec<ErrorClass>,
    /// How long to wait before it.
    pub backoff: Backoff,
}

/// The wait before another attempt: `initial`, then `factor` times as long each time, up to `max`. The engine adds
/// its jitter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// Before the second attempt.
    #[serde(with = "super::millis")]
    pub initial: Duration,
    /// How many times longer each further wait is: 1 to 10.
    pub factor: f64,
    /// The longest wait.
    #[serde(with = "super::millis")]
    pub max: Duration,
}

impl Retry {
    /// One attempt.
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }
}

impl Default for Retry {
    /// What `retry: {}` means: three attempts, after failures that pass by themselves.
    fn default() -> Self {
        Self {
            attempts: 3,
            on: vec![ErrorClass::Transient, ErrorClass::Capacity],
            backoff: Backoff::default(),
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Duration::from_secs(2), factor: 2.0, max: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// The wait before attempt `attempt`, counted from 1, without jitter. Nothing waits before the first.
    pub fn before(&self, attempt: u32) -> Duration {
        let Some(exponent) = attempt.checked_sub(2) else { return Duration::ZERO };
        let exponent = i32::try_from(exponent).unwrap_or(i32::MAX);
        let seconds = self.initial.as_secs_f64() * self.factor.powi(exponent);
        if seconds.is_finite() && seconds < self.max.as_secs_f64() {
            Duration::from_secs_f64(seconds.max(0.0))
        } else {
            self.max
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest() {
        let backoff = Backoff::default();
        let waits: Vec<_> = [1, 2, 3, 4, 1000].map(|attempt| backoff.before(attempt).as_secs()).to_vec();
        assert_eq!(waits, [0, 2, 4, 8, 300]);
    }
}
