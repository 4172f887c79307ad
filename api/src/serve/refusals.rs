//! Refused sign-ins in the log: a line for each, but only so many in a second, since anybody can cause them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Lines in a second; more are counted and told with the next line.
const MOST_A_SECOND: u32 = 10;
/// Characters of a path that are worth a place in the log.
const MOST_PATH: usize = 200;

/// Bounds the lines about refused sign-ins.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    second: u64,
    lines: u32,
    left_out: u64,
}

impl Refusals {
    /// Writes down that a request came with a token or a signature that is wrong. Never the token itself.
    pub(super) fn tell(&self, now: Duration, id: &str, path: &str) {
        if let Some(left_out) = self.admit(now) {
            let path: String = path.chars().take(MOST_PATH).collect();
            tracing::warn!(request = id, path, left_out, "a request was refused: wrong token or signature");
        }
    }

    /// How many lines were left out since the last one; `None` where this one is left out too.
    fn admit(&self, now: Duration) -> Option<u64> {
        // Three numbers are sound after any panic.
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.second != now.as_secs() {
            (window.second, window.lines) = (now.as_secs(), 0);
        }
        if window.lines >= MOST_A_SECOND {
            window.left_out += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_a_few_lines_and_its_number() {
        let refusals = Refusals::default();
        let now = Duration::from_secs(7);
        let told = (0..100).filter(|_| refusals.admit(now) == Some(0)).count();
        assert_eq!(told, 10);
        assert_eq!(refusals.admit(now), None);
        let later = now + Duration::from_secs(1);
        assert_eq!([refusals.admit(later), refusals.admit(later)], [Some(91), Some(0)]);
    }
}
