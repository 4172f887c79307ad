//! What follows from where a run is. Incremental: only what events have touched is looked at.

use std::collections::BTreeSet;

use lang::OnFailure;
use vocab::{Compensation, RunStatus, StepStatus, Timestamp};

use super::after::After;
use super::facts::{Slot, Timer};
use super::state::{Marks, RunState};
use super::{Command, Event, Failure, Halt, NotReached, RunPhase, StepPhase};

/// What follows from a state.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// Events to apply, in this order. Once there are some, decide again: the fixpoint is one without events.
    pub events: Vec<Event>,
    /// What to do once the events before are durable.
    pub commands: Vec<Command>,
    /// When to decide again even if nothing happens.
    pub wake_at: Option<Timestamp>,
}

impl RunState {
    /// Decides about everything that events have touched since the last call, and about timers that are due at `now`.
    ///
    /// Apply all the events, then decide again, until there are none; then make all of them durable together, and
    /// after that carry out the commands of all rounds. When the events are not made durable, the state is no longer
    /// the store's: load it again.
    pub fn decide(&mut self, now: Timestamp) -> Decision {
        let marks = std::mem::take(&mut self.dirty);
        self.decide_about(marks, now)
    }

    /// Decides about everything, as if all of it had been touched: the same events as [`decide`](RunState::decide)
    /// gives, and the commands for all that is under way. For checks; it takes time with the size of the run.
    pub fn decide_from_scratch(&self, now: Timestamp) -> Decision {
        let mut marks = Marks::default();
        for (position, facts) in (0..).zip(&self.facts.steps) {
            marks.steps.insert(Slot::of_step(position));
            for (number, _) in (0..).zip(&facts.instances) {
                marks.steps.insert(Slot { step: position, instance: Some(number) });
            }
        }
        marks.effects.extend(&self.facts.live);
        self.decide_about(marks, now)
    }

    fn decide_about(&self, mut marks: Marks, now: Timestamp) -> Decision {
        let now = self.clock(now);
        let mut deadline = false;
        for (_, timer) in self.facts.timers.iter().take_while(|(due, _)| *due <= now) {
            match timer {
                Timer::Deadline => deadline = true,
                Timer::Retry(slot) | Timer::Wait(slot) => _ = marks.steps.insert(*slot),
                Timer::Undo(number) => _ = marks.effects.insert(*number),
            }
        }
        let mut decision = Decision {
            wake_at: self.facts.timers.iter().map(|(due, _)| *due).find(|due| *due > now),
            ..Decision::default()
        };
        self.decide_run(deadline, &mut decision.events);
        self.decide_steps(marks.steps, now, &mut decision);
        for number in marks.effects {
            self.decide_effect(number, now, &mut decision.events, &mut decision.commands);
        }
        decision
    }

    /// Decides about the run as a whole: a few numbers tell whether a part of it is over.
    fn decide_run(&self, deadline: bool, events: &mut Vec<Event>) {
        let facts = &self.facts;
        match facts.phase {
            RunPhase::New => {}
            RunPhase::Ended => self.decide_kept(events),
            RunPhase::Queued if self.awaits_admission() => {
                events.extend(deadline.then_some(Event::DeadlinePassed {}));
            }
            RunPhase::Queued => events.push(Event::RunStarted {}),
            RunPhase::Body if deadline && facts.halt.is_none() => events.push(Event::DeadlinePassed {}),
            RunPhase::Body => {
                self.decide_pivot(events);
                if facts.body_open == 0 && facts.to_release.is_empty() && !self.has_unresolved() {
                    events.push(self.body_finished());
                }
            }
            RunPhase::Closing => {
                if !self.decide_closing(events) {
                    events.push(self.after_body());
                }
            }
            RunPhase::Unwinding if facts.live.is_empty() => events.push(self.after_body()),
            RunPhase::Unwinding => {}
            RunPhase::Finalizing => {
                let over = facts.finally_open == 0 && !self.has_unresolved();
                if over && !self.decide_finally_effects(events) {
                    events.push(self.run_finished());
                }
            }
        }
    }

    fn body_finished(&self) -> Event {
        let failed = |status, error: String| Event::BodyFinished {
            status,
            outputs: vocab::Outputs::new(),
            error: Some(error),
        };
        match (self.facts.halt, self.facts.first_failure) {
            // A sibling stops a step, never the run.
            (Some(Halt::Cancelled | Halt::Sibling), _) => {
                failed(RunStatus::Cancelled, "the run was cancelled".to_owned())
            }
            (Some(Halt::Deadline), _) => failed(RunStatus::TimedOut, "the run's time ran out".to_owned()),
            (None, Some(slot)) => failed(RunStatus::Failed, self.failure_of(slot)),
            (None, None) => match self.run_outputs() {
                Ok(outputs) => Event::BodyFinished { status: RunStatus::Succeeded, outputs, error: None },
                Err(failure) => failed(RunStatus::Failed, failure.bounded().message),
            },
        }
    }

    fn after_body(&self) -> Event {
        if self.facts.finally_open > 0 { Event::FinallyStarted {} } else { self.run_finished() }
    }

    /// The verdict of the body stands: a failure under `finally` is told, but its effects were kept or undone before.
    fn run_finished(&self) -> Event {
        let verdict = self.facts.verdict.as_ref();
        let status = verdict.map_or(RunStatus::Failed, |verdict| verdict.status);
        let error = verdict.and_then(|verdict| verdict.error.clone());
        let finally = self.facts.first_finally_failure.map(|slot| self.failure_of(slot));
        let succeeded = status == RunStatus::Succeeded;
        let compensation = match (self.facts.stuck > 0, self.facts.compensated) {
            _ if succeeded && self.is_child() && !self.facts.live.is_empty() => Compensation::Held,
            (true, _) => Compensation::Stuck,
            (false, true) => Compensation::Complete,
            (false, false) => Compensation::NotNeeded,
        };
        Event::RunFinished {
            status,
            compensation,
            outputs: verdict.map(|verdict| verdict.outputs.clone()).unwrap_or_default(),
            error: match (error, finally) {
                (Some(error), Some(finally)) => Some(format!("{error}; under `finally`, {finally}")),
                (error, finally) => error.or(finally),
            },
        }
    }

    fn decide_steps(&self, slots: BTreeSet<Slot>, now: Timestamp, decision: &mut Decision) {
        let part = match self.facts.phase {
            RunPhase::Body => false,
            RunPhase::Finalizing => true,
            _ => return,
        };
        for slot in slots.into_iter().filter(|slot| self.plan.in_finally(slot.step) == part) {
            self.decide_step(slot, now, decision);
        }
    }

    fn decide_step(&self, slot: Slot, now: Timestamp, decision: &mut Decision) {
        let Decision { events, commands, .. } = decision;
        let instance = self.instance(slot);
        let path = || self.path(slot);
        match (instance.phase, self.halt_of(slot.step)) {
            (StepPhase::Pending, Some(halt)) => {
                events.push(Event::StepNotReached { path: path(), because: NotReached::Halted(halt) });
            }
            (StepPhase::Pending, None)
                if slot.instance.is_some() || self.facts.steps[slot.step as usize].needs_open == 0 =>
            {
                events.push(self.decide_start(slot));
            }
            (StepPhase::Ready, Some(halt)) if instance.attempt == 0 => {
                events.push(Event::StepNotReached { path: path(), because: NotReached::Halted(halt) });
            }
            (StepPhase::Ready | StepPhase::Retrying | StepPhase::Paused, Some(because)) => {
                events.push(Event::StepCancelled { path: path(), because });
            }
            (StepPhase::Running, Some(because)) => commands.push(Command::CancelAttempt {
                path: path(),
                attempt: instance.attempt,
                token: instance.token,
                because,
            }),
            (StepPhase::Ready, None) => self.decide_ready(slot, now, events),
            (StepPhase::Waiting, _) => self.decide_wait(slot, now, events, commands),
            (StepPhase::Settling, _) => events.extend(self.settled(slot, now)),
            (StepPhase::Retrying, None) if instance.retry_at.is_some_and(|due| due <= now) => {
                events.push(Event::RetryDue { path: path(), attempt: instance.attempt + 1 });
            }
            _ => {}
        }
    }

    /// A step whose action waits begins to, without a worker.
    fn decide_ready(&self, slot: Slot, now: Timestamp, events: &mut Vec<Event>) {
        let Some(kind) = self.plan.action(slot.step).wait.filter(|_| !self.facts.paused) else { return };
        let (path, attempt) = (self.path(slot), self.instance(slot).attempt + 1);
        match self.begin_wait(slot, kind, now) {
            Ok(wait) => events.push(Event::StepWaiting { path, attempt, wait }),
            Err(error) => events.push(self.failed(slot, error.bounded(), false)),
        }
    }

    /// What follows the attempt that ended, if nothing has to happen before.
    fn settled(&self, slot: Slot, now: Timestamp) -> Option<Event> {
        let path = self.path(slot);
        match self.after(slot) {
            After::Retry { .. } if self.blocks_retry(slot) => None,
            After::Retry { wait } => {
                let attempt = self.instance(slot).attempt + 1;
                Some(Event::RetryScheduled { path, attempt, at: now.plus(wait) })
            }
            After::Fail { error, timed_out } => Some(self.failed(slot, error, timed_out)),
            After::Cancel(because) => Some(Event::StepCancelled { path, because }),
        }
    }

    /// The event that a failure for good leads to.
    pub(crate) fn failed(&self, slot: Slot, error: Failure, timed_out: bool) -> Event {
        let step = self.plan.step(slot.step);
        let path = self.path(slot);
        if step.on_failure == OnFailure::Pause && !step.allow_failure && self.halt_of(slot.step).is_none() {
            return Event::StepPaused { path, error, timed_out };
        }
        Event::StepFailed { path, error, allowed: step.allow_failure, timed_out, decided: None }
    }

    /// Whether nothing goes on until a person says what follows.
    fn is_paused(&self) -> bool {
        let facts = &self.facts;
        let works = || !facts.running.is_empty() || !facts.ready.is_empty();
        let timed = || facts.timers.iter().any(|(_, timer)| matches!(timer, Timer::Retry(_)));
        let waits = || !facts.waiting.is_empty() || timed();
        facts.paused || (!facts.awaiting.is_empty() && !works() && !waits())
    }

    /// Where the run is.
    pub fn status(&self) -> RunStatus {
        match self.facts.phase {
            RunPhase::New | RunPhase::Queued => RunStatus::Queued,
            RunPhase::Body | RunPhase::Finalizing if self.is_paused() => RunStatus::Paused,
            RunPhase::Body | RunPhase::Closing => RunStatus::Running,
            RunPhase::Unwinding => RunStatus::Unwinding,
            RunPhase::Finalizing => RunStatus::Finalizing,
            RunPhase::Ended => self.facts.end.as_ref().map_or(RunStatus::Failed, |end| end.status),
        }
    }

    /// Where the step instance is. `None` when the run has none of that path.
    pub fn step_status(&self, path: &vocab::StepPath) -> Option<StepStatus> {
        self.slot(path).map(|slot| self.instance(slot).status())
    }
}
