//! Which finished runs may go. Pure.

use std::time::Duration;

use engine_ports::{FinishedFilter, FinishedRun};
use vocab::{RunId, Timestamp};

use crate::config::RetentionConfig;

/// Seconds of a day.
pub(super) const DAY: u64 = 24 * 3600;

/// How long what is over is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    age: Duration,
    per_workflow: u32,
}

impl Policy {
    /// The policy of a configuration; `None` when everything is kept for ever.
    pub(crate) fn of(config: &RetentionConfig) -> Option<Self> {
        (config.runs_days > 0).then(|| Self {
            age: Duration::from_secs(config.runs_days.saturating_mul(DAY)),
            per_workflow: u32::try_from(config.runs_per_workflow_min).unwrap_or(u32::MAX),
        })
    }

    /// What ended before this is old.
    pub(super) fn old_before(&self, now: Timestamp) -> Timestamp {
        now.minus(self.age)
    }

    /// The runs to look at, after one that was looked at.
    pub(super) fn candidates(&self, now: Timestamp, after: Option<(Timestamp, RunId)>) -> FinishedFilter {
        FinishedFilter { before: self.old_before(now), after, count: self.per_workflow }
    }

    /// Whether a run may go: it is old, it is not among the last of its workflow, and nothing of it is left outside
    /// for a person to see.
    pub(super) fn lets_go(&self, run: &FinishedRun, now: Timestamp) -> bool {
        run.finished_at < self.old_before(now) && run.newer >= self.per_workflow && !run.open_effects
    }
}

#[cfg(test)]
mod tests {
    use vocab::{SeededIds, TenantName};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn policy(runs_days: u64, runs_per_workflow_min: u64) -> Option<Policy> {
        Policy::of(&RetentionConfig { runs_days, runs_per_workflow_min, cache_days: 30 })
    }

    fn ended(days_ago: i64, newer: u32, open_effects: bool) -> FinishedRun {
        FinishedRun {
            id: RunId::generate(&SeededIds::default()),
            tenant: TenantName::default_tenant(),
            project: None,
            workflow: "golden".to_owned(),
            finished_at: Timestamp::from_millis(NOW.as_millis() - days_ago * 86_400_000),
            newer,
            open_effects,
        }
    }

    #[test]
    fn a_run_goes_when_it_is_old_has_successors_and_left_nothing_open() {
        let policy = policy(90, 20).unwrap();
        for (run, goes) in [
            (ended(91, 20, false), true),
            (ended(91, 5_000, false), true),
            (ended(90, 20, false), false),
            (ended(1, 20, false), false),
            (ended(91, 19, false), false),
            (ended(91, 20, true), false),
            (ended(-1, 20, false), false),
        ] {
            assert_eq!(policy.lets_go(&run, NOW), goes, "{run:?}");
        }
    }

    #[test]
    fn nothing_goes_at_zero_days_and_zero_keeps_no_last_ones() {
        assert_eq!(policy(0, 20), None);
        assert!(policy(1, 0).unwrap().lets_go(&ended(2, 0, false), NOW));
    }

    #[test]
    fn times_beyond_all_bounds_keep_everything() {
        let policy = policy(u64::MAX, u64::MAX).unwrap();
        assert!(!policy.lets_go(&ended(100_000, u32::MAX, false), NOW));
        assert!(policy.old_before(NOW) < Timestamp::from_millis(0));
    }
}
