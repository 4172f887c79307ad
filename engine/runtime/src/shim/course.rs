//! What the shim does next: decided from what happened and what time it is, without touching a process.

use std::time::Duration;

/// Time that what the tool left running gets to end by itself once the tool has ended.
const LEFTOVER_GRACE: Duration = Duration::from_millis(500);
/// Pause between two rounds of killing.
const KILL_PAUSE: Duration = Duration::from_millis(20);
/// Time after which what does not die is reported instead of waited for.
const KILL_PATIENCE: Duration = Duration::from_secs(30);
/// Pause before the first look at what lives below; it doubles with each look.
const FIRST_LOOK: Duration = Duration::from_millis(100);
/// Longest pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_secs(2);

/// What the shim is to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Write down what lives below.
    Note,
    /// Ask everything below to end.
    Ask,
    /// Kill everything below.
    Kill,
    /// Report what is still alive, and end.
    GiveUp,
}

/// The way of a tool from its start to the end of everything below it. Times are monotonic.
#[derive(Debug)]
pub(super) struct Course {
    grace: Duration,
    phase: Phase,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// The tool works.
    Running { look_at: Duration, pause: Duration },
    /// Everything below was asked to end.
    Asked { kill_at: Duration },
    /// Everything below is killed, again and again, until nothing is left.
    Killing { again_at: Duration, give_up_at: Duration },
}

impl Course {
    /// A tool that starts now and gets `grace` to end when it is asked to.
    pub(super) const fn new(grace: Duration, now: Duration) -> Self {
        let look_at = now.saturating_add(FIRST_LOOK);
        Self { grace, phase: Phase::Running { look_at, pause: FIRST_LOOK } }
    }

    /// When [`Course::due`] has something to do, whatever else happens until then.
    pub(super) const fn wake_at(&self) -> Duration {
        match self.phase {
            Phase::Running { look_at, .. } => look_at,
            Phase::Asked { kill_at } => kill_at,
            Phase::Killing { again_at, .. } => again_at,
        }
    }

    /// Somebody wants the tool to end.
    pub(super) const fn stop(&mut self, now: Duration) -> Option<Act> {
        self.ask(now.saturating_add(self.grace))
    }

    /// The tool itself has ended.
    pub(super) const fn ended(&mut self, now: Duration) -> Option<Act> {
        self.ask(now.saturating_add(LEFTOVER_GRACE))
    }

    /// What lives below could not be asked to end: nothing is left but to kill it.
    pub(super) const fn refused(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Killing { .. }) {
            self.phase = Phase::Killing { again_at: now, give_up_at: now.saturating_add(KILL_PATIENCE) };
        }
    }

    /// What is due by now.
    pub(super) fn due(&mut self, now: Duration) -> Option<Act> {
        if now < self.wake_at() {
            return None;
        }
        let again_at = now.saturating_add(KILL_PAUSE);
        let (phase, act) = match self.phase {
            Phase::Running { pause, .. } => {
                let pause = (pause * 2).min(LOOK_PAUSE);
                (Phase::Running { look_at: now.saturating_add(pause), pause }, Act::Note)
            }
            Phase::Asked { .. } => {
                (Phase::Killing { again_at, give_up_at: now.saturating_add(KILL_PATIENCE) }, Act::Kill)
            }
            Phase::Killing { give_up_at, .. } if now >= give_up_at => (self.phase, Act::GiveUp),
            Phase::Killing { give_up_at, .. } => (Phase::Killing { again_at, give_up_at }, Act::Kill),
        };
        self.phase = phase;
        Some(act)
    }

    const fn ask(&mut self, kill_at: Duration) -> Option<Act> {
        if !matches!(self.phase, Phase::Running { .. }) {
            return None;
        }
        self.phase = Phase::Asked { kill_at };
        Some(Act::Ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn looks_come_at_their_time_however_often_something_else_happens() {
        let mut course = Course::new(millis(1000), millis(0));
        let mut looks = Vec::new();
        // An orphan ends every 10 ms, so the shim wakes up that often.
        for now in (0..10_000).step_by(10).map(millis) {
            if let Some(act) = course.due(now) {
                assert_eq!(act, Act::Note);
                looks.push(now);
            }
        }
        let expected = [100, 300, 700, 1500, 3100, 5100, 7100, 9100].map(millis);
        assert_eq!(looks, expected);
    }

    #[test]
    fn a_tool_that_is_stopped_gets_its_grace_once() {
        let mut course = Course::new(millis(1000), millis(0));
        assert_eq!(course.stop(millis(50)), Some(Act::Ask));
        assert_eq!(course.stop(millis(900)), None);
        assert_eq!(course.ended(millis(1000)), None);
        assert_eq!(course.due(millis(1049)), None);
        assert_eq!(course.due(millis(1050)), Some(Act::Kill));
        assert_eq!(course.stop(millis(1060)), None);
        assert_eq!(course.due(millis(1060)), None);
        assert_eq!(course.due(millis(1070)), Some(Act::Kill));
    }

    #[test]
    fn what_a_tool_left_gets_a_short_grace() {
        let mut course = Course::new(millis(60_000), millis(0));
        assert_eq!(course.ended(millis(10)), Some(Act::Ask));
        assert_eq!(course.wake_at(), millis(510));
        assert_eq!(course.due(millis(510)), Some(Act::Kill));
    }

    #[test]
    fn what_cannot_be_asked_is_killed_at_once_and_given_up_at_last() {
        let mut course = Course::new(millis(60_000), millis(0));
        assert_eq!(course.stop(millis(0)), Some(Act::Ask));
        course.refused(millis(0));
        assert_eq!(course.due(millis(0)), Some(Act::Kill));
        course.refused(millis(29_000));
        assert_eq!(course.due(millis(29_990)), Some(Act::Kill));
        assert_eq!(course.due(millis(30_010)), Some(Act::GiveUp));
    }
}
