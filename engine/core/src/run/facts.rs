//! What is true about a run, its steps and its effects: all of it follows from the events.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::Value as Json;
use vocab::{ActionRef, Inputs, Limits, Outputs, RunId, RunStatus, StepStatus, Timestamp, Value, WorkerId};

use super::wait::Waiting;
use super::{
    CachedFrom, Decided, EffectId, EffectPhase, Failure, Halt, RunCreated, RunLimits, RunPhase, StepPhase,
};
use crate::plan::Plan;

/// One step instance: the position of its step, and the number of the instance where the step was expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot {
    pub(crate) step: u32,
    pub(crate) instance: Option<u32>,
}

impl Slot {
    pub(crate) const fn of_step(step: u32) -> Self {
        Self { step, instance: None }
    }
}

/// What is true about a run.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Facts {
    /// Sequence number of the last event.
    pub(crate) seq: u64,
    /// Time of the last event.
    pub(crate) at: Timestamp,
    pub(crate) phase: RunPhase,
    pub(crate) created: Option<Box<RunCreated>>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    /// The bounds in force, in the form that expressions take.
    pub(crate) limits: Limits,
    /// Bytes of JSON that inputs, outputs and items of its steps have taken so far.
    pub(crate) value_bytes: u64,
    /// Whether a run that had to wait has had its turn.
    pub(crate) admitted: bool,
    /// Whether a person holds the run: nothing new starts.
    pub(crate) paused: bool,
    /// Instances that wait for something else than a worker.
    pub(crate) waiting: BTreeSet<Slot>,
    /// Whether the run has ended well and what it made is held for the run that started it.
    pub(crate) held: bool,
    /// Whether the run that started it takes it back.
    pub(crate) taken_back: bool,
    /// Instances that wait for a person.
    pub(crate) awaiting: BTreeSet<Slot>,
    /// What stops the body.
    pub(crate) halt: Option<Halt>,
    /// What stops `finally`.
    pub(crate) finally_halt: Option<Halt>,
    /// What the body came to.
    pub(crate) verdict: Option<Verdict>,
    /// How the run ended.
    pub(crate) end: Option<Verdict>,
    /// The first step of the body whose failure is not allowed.
    pub(crate) first_failure: Option<Slot>,
    /// The first step of `finally` whose failure is not allowed.
    pub(crate) first_finally_failure: Option<Slot>,
    /// Whether a step failed whose failure undoes what the run made.
    pub(crate) must_undo: bool,
    pub(crate) pivot_committed: bool,
    /// Made effects that the pivot's success releases.
    pub(crate) to_release: BTreeSet<u32>,
    /// By position.
    pub(crate) steps: Vec<StepFacts>,
    /// Steps of the body that have not ended.
    pub(crate) body_open: u32,
    /// Steps of `finally` that have not ended.
    pub(crate) finally_open: u32,
    /// Step instances so far.
    pub(crate) instances: u64,
    /// Steps of which an instance waits for a worker.
    pub(crate) ready: BTreeSet<u32>,
    /// Instances that a worker executes.
    pub(crate) running: BTreeSet<Slot>,
    /// In the order of their first intent; the place of an effect never changes.
    pub(crate) effects: IndexMap<EffectId, EffectFacts>,
    /// Effects about which something has still to be decided.
    pub(crate) live: BTreeSet<u32>,
    pub(crate) stuck: u32,
    /// Whether an effect was undone because of how a step or the run ended.
    pub(crate) compensated: bool,
    pub(crate) timers: BTreeSet<(Timestamp, Timer)>,
}

/// What a moment is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Deadline,
    Retry(Slot),
    Wait(Slot),
    Undo(u32),
}

/// How a body or a run ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) status: RunStatus,
    pub(crate) outputs: Outputs,
    pub(crate) error: Option<String>,
}

/// What is true about a step of the plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepFacts {
    /// Needs that have not ended.
    pub(crate) needs_open: u32,
    /// The first, by position, of the needs that ended without satisfying.
    pub(crate) unmet: Option<u32>,
    /// Whether a need ended otherwise than skipped.
    pub(crate) need_ran: bool,
    /// Whether something that it needs, however far up, failed.
    pub(crate) failed_above: bool,
    /// The step itself; after its expansion, what its instances amount to.
    pub(crate) own: InstanceFacts,
    /// The instances, once it is expanded.
    pub(crate) instances: Vec<InstanceFacts>,
    /// Instances that have not ended.
    pub(crate) open: u32,
    /// Instances that wait for a worker; 0 is the step itself when it is not expanded.
    pub(crate) ready: BTreeSet<u32>,
    /// Instances that a worker executes.
    pub(crate) running: u32,
    /// Whether an instance failed and the others are not to go on.
    pub(crate) halted: bool,
    /// Effects of all its instances about which something has still to be decided.
    pub(crate) live: u32,
    /// While unwinding: followers whose effects are not all settled yet.
    pub(crate) unclear_followers: u32,
}

/// What is true about a step instance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InstanceFacts {
    pub(crate) phase: StepPhase,
    /// How it ended.
    pub(crate) end: Option<StepStatus>,
    /// The item that the instance is for.
    pub(crate) value: Value,
    pub(crate) inputs: Inputs,
    pub(crate) timeout_millis: u64,
    /// Attempts that were started.
    pub(crate) attempt: u32,
    pub(crate) token: u64,
    pub(crate) worker: Option<WorkerId>,
    /// Attempts that failed.
    pub(crate) failures: u32,
    /// Attempts that were lost.
    pub(crate) losses: u32,
    /// What it waits for, while it does.
    pub(crate) waiting: Option<Waiting>,
    /// How the last attempt ended, while that is being settled.
    pub(crate) settling: Option<Settling>,
    pub(crate) retry_at: Option<Timestamp>,
    pub(crate) outputs: Outputs,
    pub(crate) error: Option<Failure>,
    /// Whether the workflow allows its failure.
    pub(crate) allowed: bool,
    /// Whether its own effects are undone, however the run ends.
    pub(crate) disowned: bool,
    /// Who supplied its outputs or left it out, and why.
    pub(crate) decided: Option<Decided>,
    pub(crate) cached: Option<CachedFrom>,
    /// The run whose end of this step holds for this one.
    pub(crate) taken_over: Option<CachedFrom>,
    pub(crate) ready_at: Option<Timestamp>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    /// Its live effects, in the order of their newest intents.
    pub(crate) effects: Vec<u32>,
    /// Its effects that are stuck.
    pub(crate) stuck: u32,
}

/// How an attempt ended without success.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Settling {
    Failed {
        error: Failure,
        timed_out: bool,
    },
    Lost,
    Cancelled,
    /// A person asked for another attempt.
    Retried,
}

/// What is true about an effect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EffectFacts {
    pub(crate) slot: Slot,
    pub(crate) phase: EffectPhase,
    pub(crate) action: ActionRef,
    pub(crate) intent: Json,
    pub(crate) handle: Option<Json>,
    pub(crate) attempt: u32,
    /// Sequence number of its newest intent: its place in the journal.
    pub(crate) seq: u64,
    /// Tries to undo it, since it was intended or since somebody asked again.
    pub(crate) tries: u32,
    pub(crate) retry_at: Option<Timestamp>,
    /// What the last try to undo it met.
    pub(crate) error: Option<Failure>,
    /// What was there instead of it.
    pub(crate) found: Option<String>,
    /// The run that it stands for.
    pub(crate) child: Option<RunId>,
}

impl EffectFacts {
    /// One that has just been written down.
    pub(crate) const fn new(
        slot: Slot,
        phase: EffectPhase,
        action: ActionRef,
        intent: Json,
        attempt: u32,
        seq: u64,
    ) -> Self {
        Self {
            slot,
            phase,
            action,
            intent,
            handle: None,
            attempt,
            seq,
            tries: 0,
            retry_at: None,
            error: None,
            found: None,
            child: None,
        }
    }
}

impl InstanceFacts {
    pub(crate) const fn pending(value: Value) -> Self {
        Self {
            phase: StepPhase::Pending,
            end: None,
            value,
            inputs: BTreeMap::new(),
            timeout_millis: 0,
            attempt: 0,
            token: 0,
            worker: None,
            failures: 0,
            losses: 0,
            waiting: None,
            settling: None,
            retry_at: None,
            outputs: BTreeMap::new(),
            error: None,
            allowed: false,
            disowned: false,
            decided: None,
            cached: None,
            taken_over: None,
            ready_at: None,
            started_at: None,
            finished_at: None,
            effects: Vec::new(),
            stuck: 0,
        }
    }

    /// Whether what needs it may go on.
    pub(crate) const fn satisfies(&self) -> bool {
        self.allowed || matches!(self.end, Some(StepStatus::Succeeded | StepStatus::Skipped))
    }

    pub(crate) fn status(&self) -> StepStatus {
        match self.phase {
            StepPhase::Pending => StepStatus::Pending,
            StepPhase::Ready => StepStatus::Ready,
            StepPhase::Running | StepPhase::Expanded => StepStatus::Running,
            StepPhase::Settling | StepPhase::Retrying => StepStatus::Retrying,
            StepPhase::Waiting => StepStatus::Waiting,
            StepPhase::Paused => StepStatus::Paused,
            StepPhase::Ended => self.end.unwrap_or(StepStatus::Failed),
        }
    }
}

impl StepFacts {
    fn new(needs: usize) -> Self {
        Self {
            needs_open: u32::try_from(needs).unwrap_or(u32::MAX),
            unmet: None,
            need_ran: false,
            failed_above: false,
            own: InstanceFacts::pending(Value::Null),
            instances: Vec::new(),
            open: 0,
            ready: BTreeSet::new(),
            running: 0,
            halted: false,
            live: 0,
            unclear_followers: 0,
        }
    }

    pub(crate) fn instance(&self, slot: Slot) -> Option<&InstanceFacts> {
        match slot.instance {
            None => Some(&self.own),
            Some(number) => self.instances.get(number as usize),
        }
    }
}

impl Facts {
    /// What is true before the first event.
    pub(crate) fn before(plan: &Plan) -> Self {
        let steps: Vec<_> =
            plan.steps().map(|(position, _)| StepFacts::new(plan.needs(position).count())).collect();
        let body = plan.steps().filter(|(position, _)| !plan.in_finally(*position)).count();
        let count = |steps: usize| u32::try_from(steps).unwrap_or(u32::MAX);
        Self {
            seq: 0,
            at: Timestamp::default(),
            phase: RunPhase::New,
            created: None,
            created_at: None,
            finished_at: None,
            limits: RunLimits::default().in_full(),
            value_bytes: 0,
            admitted: false,
            paused: false,
            waiting: BTreeSet::new(),
            held: false,
            taken_back: false,
            awaiting: BTreeSet::new(),
            halt: None,
            finally_halt: None,
            verdict: None,
            end: None,
            first_failure: None,
            first_finally_failure: None,
            must_undo: false,
            pivot_committed: false,
            to_release: BTreeSet::new(),
            body_open: count(body),
            finally_open: count(steps.len() - body),
            instances: steps.len() as u64,
            steps,
            ready: BTreeSet::new(),
            running: BTreeSet::new(),
            effects: IndexMap::new(),
            live: BTreeSet::new(),
            stuck: 0,
            compensated: false,
            timers: BTreeSet::new(),
        }
    }
}
