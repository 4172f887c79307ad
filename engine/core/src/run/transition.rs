//! What may follow what: one pure match for runs, one for step instances, one for effects.
//!
//! Everything that [`apply`](super::RunState::apply) changes goes through here; what no arm names is an
//! [`IllegalTransition`](super::IllegalTransition). [`Transition::all`] is the table that tests must cross.

use super::EventKind;

macro_rules! phases {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every phase.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word in messages.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

phases!(
    /// Where a run is, finer than [`vocab::RunStatus`].
    RunPhase {
        /// No event yet.
        New = "new",
        /// Accepted.
        Queued = "queued",
        /// The body runs.
        Body = "in its body",
        /// The body is over; effects that stay are being released.
        Closing = "closing its body",
        /// Effects are being undone.
        Unwinding = "unwinding",
        /// The steps under `finally` run.
        Finalizing = "finalizing",
        /// Ended.
        Ended = "ended",
    }
);

phases!(
    /// Where a step instance is, finer than [`vocab::StepStatus`].
    StepPhase {
        /// Waits for what it needs.
        Pending = "pending",
        /// Was expanded: its instances run.
        Expanded = "expanded",
        /// Waits for a worker.
        Ready = "ready",
        /// A worker executes an attempt.
        Running = "running",
        /// An attempt ended without success; what follows is not decided yet.
        Settling = "settling",
        /// Waits for the next attempt's time.
        Retrying = "retrying",
        /// Waits for something else than a worker.
        Waiting = "waiting",
        /// Failed for good; a person decides what follows.
        Paused = "paused",
        /// Ended.
        Ended = "ended",
    }
);

phases!(
    /// Where an effect is, finer than [`vocab::EffectState`].
    EffectPhase {
        /// Never intended.
        Unknown = "not in the journal",
        /// Written down, perhaps made.
        Intended = "intended",
        /// Written down; a probe could not tell whether it was made.
        Uncertain = "uncertain",
        /// Made.
        Made = "made",
        /// Meant to stay.
        Released = "released",
        /// A try to undo it is under way.
        Undoing = "being undone",
        /// A try to undo it failed; what follows is not decided yet.
        UndoFailed = "not yet undone",
        /// Waits for the next try's time.
        UndoWaiting = "waiting to be undone",
        /// No longer there, or never was.
        Undone = "undone",
        /// Changed by somebody else since.
        Superseded = "superseded",
        /// Could not be undone.
        Stuck = "stuck",
    }
);

impl EffectPhase {
    /// Whether something has still to be decided or done about it: released, undone or given to a person.
    pub(crate) const fn is_live(self) -> bool {
        !matches!(self, Self::Unknown | Self::Released | Self::Undone | Self::Superseded | Self::Stuck)
    }

    /// Whether undoing it has begun and not ended.
    pub(crate) const fn is_undoing(self) -> bool {
        matches!(self, Self::Undoing | Self::UndoFailed | Self::UndoWaiting)
    }

    /// Whether nobody has said yet if it is there.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Intended | Self::Uncertain)
    }
}

/// Where an event about the run itself leads.
pub const fn next_run(from: RunPhase, event: EventKind) -> Option<RunPhase> {
    use EventKind as E;
    use RunPhase as P;
    Some(match (from, event) {
        (P::New, E::RunCreated) => P::Queued,
        // A run that waits for its turn can be cancelled, and its time runs.
        (P::Queued, E::RunAdmitted | E::CancelRequested | E::DeadlinePassed) => P::Queued,
        (P::Queued, E::RunStarted) => P::Body,
        (P::Body, E::CancelRequested | E::DeadlinePassed) => P::Body,
        // A pause holds back steps, never the undoing of effects.
        (P::Body | P::Finalizing, E::RunPaused | E::RunResumed) => from,
        (P::Unwinding, E::RunResumed) => from,
        (P::Body, E::BodyFinished) => P::Closing,
        (P::Closing, E::UnwindingStarted) => P::Unwinding,
        (P::Closing | P::Unwinding, E::FinallyStarted) => P::Finalizing,
        (P::Unwinding, E::CancelRequested) => P::Unwinding,
        (P::Finalizing, E::CancelRequested) => P::Finalizing,
        (P::Closing | P::Unwinding | P::Finalizing, E::RunFinished) => P::Ended,
        (P::Ended, E::HoldEnded) => P::Ended,
        _ => return None,
    })
}

/// Where an event about a step instance leads.
pub const fn next_step(from: StepPhase, event: EventKind) -> Option<StepPhase> {
    use EventKind as E;
    use StepPhase as P;
    Some(match (from, event) {
        (P::Pending, E::StepExpanded) => P::Expanded,
        (P::Pending, E::StepReady) => P::Ready,
        (P::Pending, E::StepSkipped | E::StepTakenOver) => P::Ended,
        // Ready without an attempt: nothing of it has happened.
        (P::Pending | P::Ready, E::StepNotReached) => P::Ended,
        // Its condition, its list or its inputs could not be evaluated, or its wait could not begin.
        (P::Pending | P::Ready, E::StepFailed) => P::Ended,
        (P::Ready, E::AttemptStarted) => P::Running,
        (P::Running, E::AttemptSucceeded) => P::Ended,
        (P::Ready, E::StepWaiting) => P::Waiting,
        (P::Waiting, E::Voted) => P::Waiting,
        (P::Waiting, E::WaitEnded) => P::Ended,
        (P::Waiting, E::WaitFailed) => P::Settling,
        (P::Running, E::AttemptFailed | E::AttemptLost | E::AttemptCancelled) => P::Settling,
        (P::Settling, E::RetryScheduled) => P::Retrying,
        (P::Retrying, E::RetryDue) => P::Ready,
        (P::Settling, E::StepFailed) => P::Ended,
        (P::Pending | P::Ready | P::Settling, E::StepPaused) => P::Paused,
        (P::Paused, E::StepRetried) => P::Settling,
        (P::Paused, E::StepBypassed | E::StepSkipped | E::StepFailed) => P::Ended,
        (P::Settling | P::Retrying | P::Ready | P::Waiting | P::Paused, E::StepCancelled) => P::Ended,
        _ => return None,
    })
}

/// Where an event about an effect leads.
pub const fn next_effect(from: EffectPhase, event: EventKind) -> Option<EffectPhase> {
    use EffectPhase as P;
    use EventKind as E;
    Some(match (from, event) {
        // What was undone before a retry may be made again by the next attempt.
        (P::Unknown | P::Undone | P::Superseded, E::EffectIntended) => P::Intended,
        (P::Unknown, E::ChildBound) => P::Made,
        (P::Intended, E::EffectMade) => P::Made,
        (P::Intended, E::EffectAbsent) => P::Undone,
        (P::Intended, E::EffectUncertain) => P::Uncertain,
        (P::Intended | P::Uncertain | P::Made, E::EffectsReleased) => P::Released,
        (P::Uncertain | P::Made | P::UndoWaiting, E::UndoStarted) => P::Undoing,
        (P::Undoing, E::EffectUndone) => P::Undone,
        (P::Undoing, E::EffectSuperseded) => P::Superseded,
        (P::Undoing, E::UndoFailed) => P::UndoFailed,
        (P::UndoFailed, E::UndoScheduled) => P::UndoWaiting,
        (P::UndoFailed, E::EffectStuck) => P::Stuck,
        (P::Stuck, E::UndoRequested) => P::UndoWaiting,
        _ => return None,
    })
}

/// One arm of one match: from where, by which event, to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transition {
    /// Of a run.
    Run(RunPhase, EventKind, RunPhase),
    /// Of a step instance.
    Step(StepPhase, EventKind, StepPhase),
    /// Of an effect.
    Effect(EffectPhase, EventKind, EffectPhase),
}

impl Transition {
    /// Every transition there is.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for &event in EventKind::ALL {
            for &from in RunPhase::ALL {
                all.extend(next_run(from, event).map(|to| Self::Run(from, event, to)));
            }
            for &from in StepPhase::ALL {
                all.extend(next_step(from, event).map(|to| Self::Step(from, event, to)));
            }
            for &from in EffectPhase::ALL {
                all.extend(next_effect(from, event).map(|to| Self::Effect(from, event, to)));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_exactly_one_kind_of_subject() {
        for &event in EventKind::ALL {
            let run = RunPhase::ALL.iter().any(|&from| next_run(from, event).is_some());
            let step = StepPhase::ALL.iter().any(|&from| next_step(from, event).is_some());
            let effect = EffectPhase::ALL.iter().any(|&from| next_effect(from, event).is_some());
            assert_eq!(u8::from(run) + u8::from(step) + u8::from(effect), 1, "{event}");
        }
    }

    #[test]
    fn an_end_is_an_end() {
        for &event in EventKind::ALL {
            // Only what the run made may still be settled.
            let run = next_run(RunPhase::Ended, event).filter(|_| event != EventKind::HoldEnded);
            assert_eq!(run, None, "{event}");
            assert_eq!(next_step(StepPhase::Ended, event), None, "{event}");
            assert_eq!(next_effect(EffectPhase::Released, event), None, "{event}");
        }
    }
}
