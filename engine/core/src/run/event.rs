//! What can happen to a run. Events record decisions, so that recovery never decides again what was decided.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use vocab::{
    ActionRef, Compensation, Inputs, Outputs, RunId, RunStatus, StepPath, Timestamp, Value, WorkerId,
    json_bytes,
};

use super::created::is_false;
use super::{
    CacheKey, CachedFrom, Decided, EffectId, Failure, Halt, NotReached, Release, RunCreated, SkipReason, Wait,
};

/// One entry of a run's history. Everything that a run is follows from its events, in order.
///
/// In a store it is `{kind, v, payload}`: see [`Event::to_parts`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Event {
    /// The run was accepted. Always the first event.
    RunCreated(Box<RunCreated>),
    /// It is the turn of a run that had to wait: it may start.
    RunAdmitted {},
    /// The steps of the body may start.
    RunStarted {},
    /// The list of an expanded step was computed: one instance for each value.
    StepExpanded {
        /// The step, without an instance.
        path: StepPath,
        /// What each instance is for, in order.
        each: Vec<Value>,
    },
    /// The step does not run, and whatever needs it may go on.
    StepSkipped {
        /// The step.
        path: StepPath,
        /// Why.
        reason: SkipReason,
        /// Who left it out, when it was paused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decided: Option<Decided>,
    },
    /// The step does not run, and whatever needs it cannot go on.
    StepNotReached {
        /// The step instance.
        path: StepPath,
        /// Why.
        because: NotReached,
    },
    /// The step's inputs are resolved; it waits for a worker.
    StepReady {
        /// The step instance.
        path: StepPath,
        /// Its inputs, defaults filled in.
        inputs: Inputs,
        /// The time of each attempt, in milliseconds.
        timeout_millis: u64,
    },
    /// The step waits, and holds no worker.
    StepWaiting {
        /// The step instance.
        path: StepPath,
        /// Number of the attempt.
        attempt: u32,
        /// What for.
        wait: Wait,
    },
    /// One of the people who are asked has spoken.
    Voted {
        /// The step instance that asks.
        path: StepPath,
        /// Who.
        by: String,
        /// Yes or no.
        agrees: bool,
        /// Why, in their words.
        reason: String,
    },
    /// What the step waited for is there.
    WaitEnded {
        /// The step instance.
        path: StepPath,
        /// What it came to.
        outputs: Outputs,
        /// Who told, where somebody did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// What the step waited for did not come, or came to nothing.
    WaitFailed {
        /// The step instance.
        path: StepPath,
        /// Why.
        error: Failure,
        /// Whether its time ran out.
        timed_out: bool,
    },
    /// A worker executes an attempt. Its fencing token is the sequence number of this event.
    AttemptStarted {
        /// The step instance.
        path: StepPath,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// The worker that holds the lease.
        worker: WorkerId,
    },
    /// The attempt gave outputs, and so the step succeeded.
    AttemptSucceeded {
        /// The step instance.
        path: StepPath,
        /// Number of the attempt.
        attempt: u32,
        /// Fencing token of the attempt.
        token: u64,
        /// Its outputs, checked against the action's manifest.
        outputs: Outputs,
        /// Where the outputs come from when they were computed earlier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cached: Option<CachedFrom>,
        /// The key under which the cache was asked, when it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<CacheKey>,
    },
    /// The attempt failed.
    AttemptFailed {
        /// The step instance.
        path: StepPath,
        /// Number of the attempt.
        attempt: u32,
        /// Fencing token of the attempt.
        token: u64,
        /// Why.
        error: Failure,
        /// Whether its time ran out.
        timed_out: bool,
    },
    /// The attempt's worker is gone: nobody knows how far it came.
    AttemptLost {
        /// The step instance.
        path: StepPath,
        /// Number of the attempt.
        attempt: u32,
        /// Fencing token of the attempt.
        token: u64,
    },
    /// The attempt stopped because it was told to.
    AttemptCancelled {
        /// The step instance.
        path: StepPath,
        /// Number of the attempt.
        attempt: u32,
        /// Fencing token of the attempt.
        token: u64,
    },
    /// The step will be tried again.
    RetryScheduled {
        /// The step instance.
        path: StepPath,
        /// Number of the next attempt.
        attempt: u32,
        /// Not before this moment.
        at: Timestamp,
    },
    /// The next attempt's time has come; the step waits for a worker.
    RetryDue {
        /// The step instance.
        path: StepPath,
        /// Number of the next attempt.
        attempt: u32,
    },
    /// The step ended badly: no further attempt.
    StepFailed {
        /// The step instance.
        path: StepPath,
        /// Why.
        error: Failure,
        /// Whether the workflow allows it: then the run goes on as if it had succeeded.
        allowed: bool,
        /// Whether the time of its last attempt ran out.
        timed_out: bool,
        /// Who gave it up, when it was paused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decided: Option<Decided>,
    },
    /// The step failed for good, and by `on_failure: pause` a person decides what follows.
    StepPaused {
        /// The step instance.
        path: StepPath,
        /// Why it failed.
        error: Failure,
        /// Whether the time of its last attempt ran out.
        timed_out: bool,
    },
    /// A person has the paused step tried again, with as many attempts as at first.
    StepRetried {
        /// The step instance.
        path: StepPath,
        /// Who, and why.
        decided: Decided,
    },
    /// A person did the work of the paused step and supplied what it should have given.
    StepBypassed {
        /// The step instance.
        path: StepPath,
        /// The outputs, checked against the action's manifest.
        outputs: Outputs,
        /// Who, and why.
        decided: Decided,
    },
    /// The step does not run: how it ended in an earlier run of the same plan and inputs holds for this one too. What
    /// it made outside then is that run's, never undone because of this one.
    StepTakenOver {
        /// The step instance.
        path: StepPath,
        /// Its outputs.
        outputs: Outputs,
        /// Whether it was skipped there.
        #[serde(default, skip_serializing_if = "is_false")]
        skipped: bool,
        /// The run that did the work.
        from: CachedFrom,
        /// Who supplied the outputs there, where a person did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decided: Option<Decided>,
    },
    /// The step ended because it was halted.
    StepCancelled {
        /// The step instance.
        path: StepPath,
        /// By what.
        because: Halt,
    },
    /// Somebody asked for the run's end.
    CancelRequested {
        /// Who.
        by: String,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The run's time ran out.
    DeadlinePassed {},
    /// Somebody holds the run: what is under way goes on, nothing new starts.
    RunPaused {
        /// Who, and why.
        decided: Decided,
    },
    /// The run may go on.
    RunResumed {
        /// Who, and why.
        decided: Decided,
    },
    /// An attempt is about to make an effect.
    EffectIntended {
        /// The effect.
        effect: EffectId,
        /// The action that makes it and can undo it.
        action: ActionRef,
        /// What it means to do, with what undo needs. Never a secret.
        intent: Json,
        /// Number of the attempt.
        attempt: u32,
        /// Fencing token of the attempt.
        token: u64,
    },
    /// The effect is there.
    EffectMade {
        /// The effect.
        effect: EffectId,
        /// What came of it, as undo and later attempts need it.
        handle: Json,
        /// Fencing token of the attempt that made it; none when a probe found it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<u64>,
    },
    /// The effect certainly is not there.
    EffectAbsent {
        /// The effect.
        effect: EffectId,
        /// Fencing token of the attempt that says so; none when a probe did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<u64>,
    },
    /// A probe could not tell whether the effect is there: it will be undone.
    EffectUncertain {
        /// The effect.
        effect: EffectId,
        /// What the probe met.
        reason: String,
    },
    /// The step starts another run. What that one makes is an effect of this one: undoing it takes that run back.
    ChildBound {
        /// The effect.
        effect: EffectId,
        /// The other run.
        run: RunId,
    },
    /// The effects are meant to stay: nothing will undo them.
    EffectsReleased {
        /// Which; a bounded number in each event.
        effects: Vec<EffectId>,
        /// Why.
        reason: Release,
    },
    /// The body is over, and with it what the run comes to.
    BodyFinished {
        /// `succeeded`, `failed`, `cancelled` or `timed_out`.
        status: RunStatus,
        /// The run's outputs, when it succeeded.
        outputs: Outputs,
        /// Why it did not succeed, in a sentence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// The run's effects are being undone.
    UnwindingStarted {
        /// How many.
        effects: u64,
        /// The first of them, in the order in which they are undone where branches do not let them run at once.
        order: Vec<EffectId>,
    },
    /// A try to undo the effect begins.
    UndoStarted {
        /// The effect.
        effect: EffectId,
        /// Number of the try, from 1.
        nth: u32,
    },
    /// The effect is no longer there.
    EffectUndone {
        /// The effect.
        effect: EffectId,
    },
    /// Somebody else has changed it since; it was left alone.
    EffectSuperseded {
        /// The effect.
        effect: EffectId,
        /// What was there.
        found: String,
    },
    /// A try to undo the effect failed.
    UndoFailed {
        /// The effect.
        effect: EffectId,
        /// Number of the try.
        nth: u32,
        /// Why.
        error: Failure,
    },
    /// Undoing will be tried again.
    UndoScheduled {
        /// The effect.
        effect: EffectId,
        /// Number of the next try.
        nth: u32,
        /// Not before this moment.
        at: Timestamp,
    },
    /// The effect could not be undone; a person has to look.
    EffectStuck {
        /// The effect.
        effect: EffectId,
        /// What the last try met; its help says how to remove the effect by hand.
        error: Failure,
    },
    /// Somebody asked to try once more to undo a stuck effect of a run that has ended.
    UndoRequested {
        /// The effect.
        effect: EffectId,
        /// Who.
        by: String,
    },
    /// The steps under `finally` may start.
    FinallyStarted {},
    /// The run that started this one has ended, or takes it back: what was held stays, or is undone.
    HoldEnded {
        /// Whether it stays.
        kept: bool,
    },
    /// The run has ended.
    RunFinished {
        /// How.
        status: RunStatus,
        /// How its unwinding went.
        compensation: Compensation,
        /// Its outputs, when it succeeded.
        outputs: Outputs,
        /// Why it did not succeed, or which step of `finally` failed, in a sentence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}

impl Event {
    /// Bytes of JSON that what a step takes or gives by this event adds to its run.
    pub(crate) fn value_bytes(&self) -> u64 {
        let bytes = match self {
            Self::StepExpanded { each, .. } => json_bytes(each),
            Self::StepReady { inputs, .. } => json_bytes(inputs),
            Self::WaitEnded { outputs, .. }
            | Self::AttemptSucceeded { outputs, .. }
            | Self::StepBypassed { outputs, .. }
            | Self::StepTakenOver { outputs, .. } => json_bytes(outputs),
            _ => None,
        };
        bytes.unwrap_or(0)
    }
}
