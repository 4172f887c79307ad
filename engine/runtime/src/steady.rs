//! Wall time that never jumps: how the process's clock follows the machine's, decided without reading either.

use std::time::Duration;

/// How much faster or slower than the machine's monotonic clock time may pass: one part in so many, so 5 %.
const SLEW: i128 = 20;
/// Difference from the wall clock that is worth a warning, in nanoseconds: 10 s.
const TELL: i128 = 10 * SECOND;
/// Difference below which the clocks agree again, in nanoseconds.
const AGREED: i128 = SECOND;
const SECOND: i128 = 1_000_000_000;

/// What both clocks of the machine show at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Time since the clock's start that only ever grows.
    pub(crate) monotonic: Duration,
    /// Nanoseconds since the Unix epoch, wherever somebody has set them.
    pub(crate) wall: i128,
}

/// Time as the process has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steady {
    monotonic: Duration,
    /// Nanoseconds since the Unix epoch.
    time: i128,
    /// Whether a difference was told that has not gone since.
    told: bool,
}

impl Steady {
    /// Begins with the wall clock: there is nothing yet to hold it against.
    pub(crate) const fn begin(at: Reading) -> Self {
        Self { monotonic: at.monotonic, time: at.wall, told: false }
    }

    /// Nanoseconds since the Unix epoch.
    pub(crate) const fn time(self) -> i128 {
        self.time
    }

    /// Goes on to a later reading: by the monotonic time that has passed, corrected towards the wall clock by at most
    /// one twentieth of it. Never back. A reading that is not later, as two threads may bring one, changes nothing.
    ///
    /// Gives nanoseconds that the wall clock is ahead, negative where it is behind, when that is to be told: once,
    /// until both agree again.
    #[must_use]
    pub(crate) fn follow(self, at: Reading) -> (Self, Option<i128>) {
        let Some(passed) = at.monotonic.checked_sub(self.monotonic).filter(|passed| !passed.is_zero()) else {
            return (self, None);
        };
        // 585 years fit into 64 bits of nanoseconds, and no process runs for longer.
        let passed = i128::from(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX));
        let expected = self.time + passed;
        let ahead = at.wall - expected;
        let most = passed / SLEW;
        let time = expected + ahead.clamp(-most, most);
        let left = (at.wall - time).abs();
        let tell = left > TELL && !self.told;
        let told = if self.told { left > AGREED } else { tell };
        (Self { monotonic: at.monotonic, time, told }, tell.then_some(at.wall - time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i128 = 24 * 3600 * SECOND;
    const START: i128 = 20_000 * DAY;

    fn seconds(seconds: i128) -> Duration {
        Duration::from_secs(u64::try_from(seconds).unwrap())
    }

    /// Reads once a second from 1 to `until`, with the wall clock off by `off(second)`; gives each time as seconds
    /// since the start, in nanoseconds, and how often something was told.
    fn follow(until: i128, off: impl Fn(i128) -> i128) -> (Vec<i128>, usize) {
        let mut clock = Steady::begin(Reading { monotonic: Duration::ZERO, wall: START });
        let mut told = 0;
        let times = (1..=until).map(|second| {
            let wall = START + second * SECOND + off(second);
            let (next, tell) = clock.follow(Reading { monotonic: seconds(second), wall });
            clock = next;
            told += usize::from(tell.is_some());
            clock.time() - START
        });
        (times.collect(), told)
    }

    #[test]
    fn a_clock_that_runs_true_is_followed_to_the_nanosecond() {
        let (times, told) = follow(1000, |_| 0);
        assert!(times.iter().zip(1..).all(|(time, second)| *time == second * SECOND));
        // A clock that the network disciplines is a little fast, and that is right.
        let drift = |second| second * 100_000;
        let (times, _) = follow(1000, drift);
        assert_eq!(times.last(), Some(&(1000 * SECOND + drift(1000))));
        assert_eq!(told, 0);
    }

    #[test]
    fn a_day_ahead_at_once_lets_no_deadline_pass_before_its_time() {
        let (times, told) = follow(3600, |second| if second > 10 { DAY } else { 0 });
        let hour = times.last().unwrap();
        assert!(*hour <= 3600 * SECOND * 21 / 20, "an hour took {hour} ns");
        assert!(*hour > 3600 * SECOND, "it is followed nevertheless");
        assert_eq!(told, 1);
    }

    #[test]
    fn a_day_back_slows_time_and_never_turns_it() {
        let (times, told) = follow(3600, |second| if second > 10 { -DAY } else { 0 });
        assert!(times.is_sorted_by(|one, next| one < next));
        assert!(*times.last().unwrap() >= 3600 * SECOND * 19 / 20);
        assert_eq!(told, 1);
    }

    #[test]
    fn a_step_is_made_good_in_twenty_times_its_length_and_a_second_one_is_told_again() {
        let minute = 60 * SECOND;
        let (times, told) = follow(1300, |second| if second > 10 { minute } else { 0 });
        assert!(times[1150] < 1151 * SECOND + minute);
        assert_eq!(times[1220], 1221 * SECOND + minute);
        assert_eq!(told, 1);
        let (_, told) = follow(4000, |second| if (11..2000).contains(&second) { minute } else { 0 });
        assert_eq!(told, 2);
    }

    #[test]
    fn a_reading_that_was_overtaken_changes_nothing() {
        let clock = Steady::begin(Reading { monotonic: seconds(5), wall: START });
        let late = Reading { monotonic: seconds(4), wall: START + DAY };
        assert_eq!(clock.follow(late), (clock, None));
    }

    #[test]
    fn frequent_readings_correct_as_much_as_rare_ones() {
        let mut clock = Steady::begin(Reading { monotonic: Duration::ZERO, wall: START });
        for micros in 1..=100_000_u64 {
            let monotonic = Duration::from_micros(micros);
            let wall = START + i128::from(micros) * 1000 + SECOND;
            (clock, _) = clock.follow(Reading { monotonic, wall });
        }
        assert_eq!(clock.time() - START, SECOND / 10 * 21 / 20);
    }
}
