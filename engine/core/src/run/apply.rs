//! Events change the state, and nothing else does. Total: an event that does not fit is an error, never a panic, and
//! then nothing has changed.

use vocab::{Compensation, Timestamp};

use super::facts::{Slot, Timer, Verdict};
use super::state::RunState;
use super::{Event, EventKind, Halt, RunCreated, RunPhase, next_run};

/// Why an event does not fit the history before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IllegalTransition {
    /// Events are applied in order, each once.
    #[error("the history goes on with event {expected}, but event {found} came")]
    Gap {
        /// The sequence number that follows.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// What the event is about is not there.
    #[error("`{event}` is about {subject}, which this run does not have")]
    Missing {
        /// The event.
        event: EventKind,
        /// The step or effect.
        subject: String,
    },
    /// The event carries a token of a lease that is over.
    #[error("`{event}` of {subject} carries token {found}, but the lease in force has token {held}")]
    Stale {
        /// The event.
        event: EventKind,
        /// The step.
        subject: String,
        /// The token that the lease has; 0 when there is none.
        held: u64,
        /// The token that came.
        found: u64,
    },
    /// The event does not follow from where its subject is.
    #[error("`{event}` does not fit {subject}, which is {from}")]
    Phase {
        /// The event.
        event: EventKind,
        /// The run, step or effect.
        subject: String,
        /// Where it is.
        from: &'static str,
    },
}

impl RunState {
    /// Takes in one event of the run's history. `seq` counts from 1 without gaps.
    ///
    /// An error means that the event does not follow from the history; the state is as it was.
    pub fn apply(&mut self, seq: u64, at: Timestamp, event: &Event) -> Result<(), IllegalTransition> {
        let expected = self.facts.seq + 1;
        if seq != expected {
            return Err(IllegalTransition::Gap { expected, found: seq });
        }
        let at = self.clock(at);
        match event {
            Event::RunCreated(created) => self.create(created, at)?,
            Event::RunAdmitted {} => {
                let phase = self.run_to(event.kind())?;
                if !self.awaits_admission() {
                    return Err(self.misfit(event.kind()));
                }
                self.facts.phase = phase;
                self.facts.admitted = true;
            }
            Event::RunStarted {} => {
                self.facts.phase = self.run_to(event.kind())?;
                self.mark_part(false);
            }
            Event::CancelRequested { .. } => self.cancel_requested(event.kind())?,
            Event::DeadlinePassed {} => {
                self.facts.phase = self.run_to(event.kind())?;
                self.halt(Halt::Deadline);
            }
            Event::RunPaused { .. } => self.set_paused(event.kind(), true)?,
            Event::RunResumed { .. } => self.set_paused(event.kind(), false)?,
            Event::BodyFinished { status, outputs, error } => {
                self.facts.phase = self.run_to(event.kind())?;
                self.facts.verdict =
                    Some(Verdict { status: *status, outputs: outputs.clone(), error: error.clone() });
                self.drop_deadline();
            }
            Event::UnwindingStarted { .. } => {
                self.facts.phase = self.run_to(event.kind())?;
                self.order_unwinding();
            }
            Event::FinallyStarted {} => {
                self.facts.phase = self.run_to(event.kind())?;
                // The turn is somebody else's, and there is nothing to clean up.
                if self.never_admitted() {
                    self.facts.finally_halt = self.facts.halt;
                }
                self.mark_part(true);
            }
            Event::RunFinished { status, compensation, outputs, error } => {
                self.facts.phase = self.run_to(event.kind())?;
                self.facts.end =
                    Some(Verdict { status: *status, outputs: outputs.clone(), error: error.clone() });
                self.facts.finished_at = Some(at);
                self.facts.held = *compensation == Compensation::Held;
                // What is held, or stuck and tried again, is undone in order from here on.
                self.order_unwinding();
                self.changed.effects.extend(&self.facts.live);
            }
            Event::HoldEnded { kept } => {
                self.facts.phase = self.run_to(event.kind())?;
                if !self.facts.held {
                    return Err(self.misfit(event.kind()));
                }
                self.end_hold(*kept);
            }
            Event::StepExpanded { .. }
            | Event::StepSkipped { .. }
            | Event::StepNotReached { .. }
            | Event::StepReady { .. }
            | Event::StepWaiting { .. }
            | Event::Voted { .. }
            | Event::WaitEnded { .. }
            | Event::WaitFailed { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptSucceeded { .. }
            | Event::AttemptFailed { .. }
            | Event::AttemptLost { .. }
            | Event::AttemptCancelled { .. }
            | Event::RetryScheduled { .. }
            | Event::RetryDue { .. }
            | Event::StepFailed { .. }
            | Event::StepPaused { .. }
            | Event::StepRetried { .. }
            | Event::StepBypassed { .. }
            | Event::StepTakenOver { .. }
            | Event::StepCancelled { .. } => self.apply_to_step(seq, at, event)?,
            Event::EffectIntended { .. }
            | Event::EffectMade { .. }
            | Event::EffectAbsent { .. }
            | Event::EffectUncertain { .. }
            | Event::ChildBound { .. }
            | Event::EffectsReleased { .. }
            | Event::UndoStarted { .. }
            | Event::EffectUndone { .. }
            | Event::EffectSuperseded { .. }
            | Event::UndoFailed { .. }
            | Event::UndoScheduled { .. }
            | Event::EffectStuck { .. }
            | Event::UndoRequested { .. } => self.apply_to_effect(seq, at, event)?,
        }
        self.facts.value_bytes = self.facts.value_bytes.saturating_add(event.value_bytes());
        self.facts.seq = seq;
        self.facts.at = at;
        Ok(())
    }

    /// Where an event about the run itself leads.
    fn run_to(&self, event: EventKind) -> Result<RunPhase, IllegalTransition> {
        next_run(self.facts.phase, event).ok_or_else(|| self.misfit(event))
    }

    fn misfit(&self, event: EventKind) -> IllegalTransition {
        IllegalTransition::Phase { event, subject: "the run".to_owned(), from: self.facts.phase.name() }
    }

    fn create(&mut self, created: &RunCreated, at: Timestamp) -> Result<(), IllegalTransition> {
        let phase = self.run_to(EventKind::RunCreated)?;
        self.facts.phase = phase;
        self.facts.limits = created.limits.in_full();
        self.facts.created_at = Some(at);
        self.facts.timers.extend(created.deadline.map(|deadline| (deadline, Timer::Deadline)));
        self.facts.created = Some(Box::new(created.clone()));
        let slots = self.plan.steps().map(|(position, _)| Slot::of_step(position));
        self.changed.steps.extend(slots);
        Ok(())
    }

    /// A cancel stops what runs: the body, or `finally` once it has started. It never stops the undoing of effects.
    fn cancel_requested(&mut self, event: EventKind) -> Result<(), IllegalTransition> {
        self.facts.phase = self.run_to(event)?;
        match self.facts.phase {
            RunPhase::Finalizing => {
                self.facts.finally_halt = Some(Halt::Cancelled);
                self.facts.paused = false;
                self.mark_part(true);
            }
            RunPhase::Queued | RunPhase::Body => self.halt(Halt::Cancelled),
            _ => {}
        }
        Ok(())
    }

    /// Stops the body. What stopped it first is what the run comes to.
    fn halt(&mut self, halt: Halt) {
        self.facts.halt.get_or_insert(halt);
        self.facts.paused = false;
        self.drop_deadline();
        self.mark_part(false);
    }

    /// What is ready for a worker waits in [`ready`](RunState::ready); what waits without one is looked at again.
    fn set_paused(&mut self, event: EventKind, paused: bool) -> Result<(), IllegalTransition> {
        let phase = self.run_to(event)?;
        if self.facts.paused == paused {
            return Err(self.misfit(event));
        }
        self.facts.phase = phase;
        self.facts.paused = paused;
        self.mark_part(phase == RunPhase::Finalizing);
        Ok(())
    }

    fn drop_deadline(&mut self) {
        if let Some(deadline) = self.facts.created.as_ref().and_then(|created| created.deadline) {
            self.facts.timers.remove(&(deadline, Timer::Deadline));
        }
    }

    /// Has every step instance of the body, or of `finally`, looked at.
    pub(crate) fn mark_part(&mut self, finally: bool) {
        for (position, _) in self.plan.steps().filter(|(at, _)| self.plan.in_finally(*at) == finally) {
            self.dirty.steps.insert(Slot::of_step(position));
            let instances = self.facts.steps[position as usize].instances.len();
            for number in 0..u32::try_from(instances).unwrap_or(u32::MAX) {
                self.dirty.steps.insert(Slot { step: position, instance: Some(number) });
            }
        }
    }
}
