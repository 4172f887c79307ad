//! Steps that wait, for a time, an event, people or another run, and hold no worker meanwhile.
//!
//! Their actions say in the manifest what they wait for; the engine does it itself. The inputs of each kind:
//!
//! | kind | inputs | ends with |
//! | --- | --- | --- |
//! | time | `until` (RFC 3339) or `for` (a duration) | nothing |
//! | event | `name`; `within` | `payload` |
//! | decision | `approvers` (`user:ada`, `role:security`); `quorum`; `expires`; `on_expiry` | `approved_by` |
//! | run | `workflow`, one of the plan's; `inputs` | `run`, `outputs` |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vocab::{
    Compensation, Digest, ErrorClass, Inputs, Outputs, RunId, RunStatus, StepPath, Timestamp, Value, WaitKind,
};

use super::facts::Slot;
use super::state::RunState;
use super::{Command, EffectId, Event, Failure, StepPhase};

/// What a step waits for, as it was decided when the wait began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// A moment.
    Time {
        /// When it is over.
        at: Timestamp,
    },
    /// Somebody outside tells that something happened.
    Event {
        /// What.
        name: String,
        /// When nobody needs to tell any more: then the step failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// People say yes or no.
    Decision {
        /// Who may: `user:NAME` or `role:NAME`.
        approvers: Vec<String>,
        /// How many have to agree.
        quorum: u32,
        /// When it is too late.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// Whether silence until then is a yes.
        #[serde(default)]
        silence_agrees: bool,
    },
    /// Another run, whose effects are held until this one ends.
    Run {
        /// That run.
        run: RunId,
        /// Which of the plan's workflows it runs.
        workflow: String,
    },
}

/// What one person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vote {
    pub(crate) by: String,
    pub(crate) agrees: bool,
}

/// A wait that has begun.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) wait: Wait,
    pub(crate) votes: Vec<Vote>,
}

impl Wait {
    /// When something has to be decided although nobody said anything.
    pub(crate) const fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Time { at } => Some(*at),
            Self::Event { until, .. } | Self::Decision { until, .. } => *until,
            Self::Run { .. } => None,
        }
    }
}

/// How a run ended that another one waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildEnd {
    /// How.
    pub status: RunStatus,
    /// How its unwinding went.
    pub compensation: Compensation,
    /// Its outputs.
    pub outputs: Outputs,
    /// Why it did not succeed.
    pub error: Option<String>,
}

/// Why a word about a wait is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum WaitRefused {
    /// The step does not wait for this.
    #[error("step `{0}` does not wait for a decision")]
    NotAsked(StepPath),
    /// No step waits for the event.
    #[error("no step of this run waits for the event `{0}`")]
    NoEvent(String),
    /// The person is none of those who are asked.
    #[error("`{by}` is not among those who are asked: {}", approvers.join(", "))]
    NotApprover {
        /// The person.
        by: String,
        /// Who is asked.
        approvers: Vec<String>,
    },
    /// Nobody decides about what they started themselves.
    #[error("`{0}` started this run: somebody else has to decide")]
    OwnRun(String),
    /// The person has said so already.
    #[error("`{0}` has decided already")]
    Twice(String),
    /// What was told does not fit.
    #[error("{0}")]
    Payload(String),
}

impl RunState {
    /// The wait that a ready step begins, from its inputs; for a step whose action waits.
    pub(crate) fn begin_wait(&self, slot: Slot, kind: WaitKind, now: Timestamp) -> Result<Wait, Failure> {
        let instance = self.instance(slot);
        let inputs = &instance.inputs;
        let text = |name: &str| inputs.get(name).and_then(Value::as_str);
        let after = |name: &str| inputs.get(name).and_then(Value::as_duration).map(|span| now.plus(span));
        let bad = |message: String| Failure::new(ErrorClass::Permanent, message);
        Ok(match kind {
            WaitKind::Time => {
                let at = match (text("until"), after("for")) {
                    (Some(until), None) => until.parse().map_err(|_| {
                        bad(format!("`until` is no moment: `{until}`"))
                            .help("write it as 2027-01-31T06:00:00Z")
                    })?,
                    (None, Some(at)) => at,
                    _ => return Err(bad("one of `until` and `for` says how long to wait".to_owned())),
                };
                Wait::Time { at }
            }
            WaitKind::Event => {
                Wait::Event { name: text("name").unwrap_or_default().to_owned(), until: after("within") }
            }
            WaitKind::Decision => {
                let approvers: Vec<String> = match inputs.get("approvers") {
                    Some(Value::List(items)) => {
                        items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                    }
                    _ => Vec::new(),
                };
                let quorum = inputs.get("quorum").and_then(Value::as_integer).unwrap_or(1);
                let quorum = u32::try_from(quorum).ok().filter(|quorum| *quorum > 0);
                let quorum = quorum.ok_or_else(|| bad("`quorum` has to be at least 1".to_owned()))?;
                if approvers.is_empty() {
                    return Err(bad("nobody may decide: `approvers` is empty".to_owned()));
                }
                let silence_agrees = text("on_expiry") == Some("approve");
                Wait::Decision { approvers, quorum, until: after("expires"), silence_agrees }
            }
            WaitKind::Run => {
                let workflow = text("workflow").unwrap_or_default().to_owned();
                if !self.plan.spec().workflows.contains_key(&workflow) {
                    return Err(bad(format!("this plan holds no workflow `{workflow}`")));
                }
                Wait::Run { run: self.child_id(slot, instance.attempt + 1), workflow }
            }
        })
    }

    /// The id of the run that the step's `nth` attempt starts: the same in every process.
    fn child_id(&self, slot: Slot, nth: u32) -> RunId {
        let parent = self.facts.created.as_ref().map(|created| created.run.to_string()).unwrap_or_default();
        RunId::derived(self.facts.at, &Digest::of(format!("{parent}/{}#{nth}", self.path(slot))))
    }

    /// What follows for a step that waits, if anything does.
    pub(crate) fn decide_wait(
        &self,
        slot: Slot,
        now: Timestamp,
        events: &mut Vec<Event>,
        commands: &mut Vec<Command>,
    ) {
        let instance = self.instance(slot);
        let Some(Waiting { wait, votes }) = &instance.waiting else { return };
        let path = self.path(slot);
        if let Some(because) = self.halt_of(slot.step) {
            match wait {
                // It goes back first; what it came to is told when it has.
                Wait::Run { run, .. } if self.is_bound(slot) => {
                    commands.push(Command::CancelRun { run: *run });
                }
                _ => events.push(Event::StepCancelled { path, because }),
            }
            return;
        }
        let late = wait.due().is_some_and(|due| due <= now);
        let ended = |outputs: Outputs| Event::WaitEnded { path: path.clone(), outputs, by: None };
        let failed = |message: String, timed_out: bool| Event::WaitFailed {
            path: path.clone(),
            error: Failure::new(ErrorClass::Gate, message),
            timed_out,
        };
        match wait {
            Wait::Time { .. } if late => events.push(ended(Outputs::new())),
            Wait::Event { name, .. } if late => {
                events.push(failed(format!("the event `{name}` did not come in time"), true));
            }
            Wait::Decision { quorum, silence_agrees, .. } => {
                let agree: Vec<&Vote> = votes.iter().filter(|vote| vote.agrees).collect();
                if let Some(vote) = votes.iter().find(|vote| !vote.agrees) {
                    events.push(failed(format!("{} refused", vote.by), false));
                } else if agree.len() >= *quorum as usize || (late && *silence_agrees) {
                    let by = Value::List(agree.iter().map(|vote| vote.by.as_str().into()).collect());
                    events.push(ended(Outputs::from([("approved_by".to_owned(), by)])));
                } else if late {
                    let message = format!("{} of {quorum} had agreed when the time was over", agree.len());
                    events.push(failed(message, true));
                }
            }
            Wait::Run { run, .. } if !self.is_bound(slot) => {
                events.push(Event::ChildBound { effect: self.child_effect(slot), run: *run });
            }
            Wait::Run { run, workflow } => {
                let (run, workflow) = (*run, workflow.clone());
                commands.push(Command::StartRun { path, run, workflow });
            }
            Wait::Time { .. } | Wait::Event { .. } => {}
        }
    }

    /// The events that tell every step which waits for it that something happened.
    pub fn signal(&self, name: &str, payload: &Value, by: &str) -> Result<Vec<Event>, WaitRefused> {
        self.check_size(payload, || format!("the payload of the event `{name}`"))
            .map_err(|failure| WaitRefused::Payload(failure.message))?;
        let waits = |slot: &&Slot| {
            let waiting = self.instance(**slot).waiting.as_ref();
            waiting.is_some_and(|waiting| matches!(&waiting.wait, Wait::Event { name: of, .. } if of == name))
        };
        let told = self.facts.waiting.iter().filter(waits).map(|&slot| Event::WaitEnded {
            path: self.path(slot),
            outputs: Outputs::from([("payload".to_owned(), payload.clone())]),
            by: Some(by.to_owned()),
        });
        let told: Vec<_> = told.collect();
        if told.is_empty() { Err(WaitRefused::NoEvent(name.to_owned())) } else { Ok(told) }
    }

    /// The event that records what a person said. `groups` are the names under which they may be asked, such as
    /// `user:ada` and `role:security`.
    pub fn vote(
        &self,
        path: &StepPath,
        by: &str,
        groups: &[String],
        agrees: bool,
        reason: &str,
    ) -> Result<Event, WaitRefused> {
        let waiting = self.slot(path).and_then(|slot| self.instance(slot).waiting.as_ref());
        let Some(Waiting { wait: Wait::Decision { approvers, .. }, votes }) = waiting else {
            return Err(WaitRefused::NotAsked(path.clone()));
        };
        if !groups.iter().any(|group| approvers.contains(group)) {
            return Err(WaitRefused::NotApprover { by: by.to_owned(), approvers: approvers.clone() });
        }
        let actor = self.facts.created.as_ref().and_then(|created| created.origin.actor.as_deref());
        if agrees && actor == Some(by) {
            return Err(WaitRefused::OwnRun(by.to_owned()));
        }
        if votes.iter().any(|vote| vote.by == by) {
            return Err(WaitRefused::Twice(by.to_owned()));
        }
        let (path, by, reason) = (path.clone(), by.to_owned(), reason.to_owned());
        Ok(Event::Voted { path, by, agrees, reason })
    }

    /// The event that records how the run ended that a step waits for. `None` when none waits for it.
    pub fn child_ended(&self, run: RunId, end: &ChildEnd) -> Option<Event> {
        let slot = self.facts.waiting.iter().copied().find(|&slot| {
            let waiting = self.instance(slot).waiting.as_ref();
            waiting.is_some_and(|waiting| matches!(waiting.wait, Wait::Run { run: of, .. } if of == run))
        })?;
        let path = self.path(slot);
        if let Some(because) = self.halt_of(slot.step).filter(|_| end.status != RunStatus::Succeeded) {
            return Some(Event::StepCancelled { path, because });
        }
        if end.status == RunStatus::Succeeded {
            let outputs = Value::Map(end.outputs.clone().into_iter().collect::<BTreeMap<_, _>>());
            let outputs =
                Outputs::from([("run".to_owned(), run.to_string().into()), ("outputs".to_owned(), outputs)]);
            return Some(match self.check_size(&outputs, || format!("the outputs of run {run}")) {
                Ok(()) => Event::WaitEnded { path, outputs, by: None },
                Err(error) => Event::WaitFailed { path, error, timed_out: false },
            });
        }
        let why = end.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        let error = Failure::new(ErrorClass::Permanent, format!("run {run} ended {}{why}", end.status));
        let error = match end.compensation {
            Compensation::Stuck => {
                error.help(format!("some of what it made is stuck: see the effects of run {run}"))
            }
            _ => error,
        };
        Some(Event::WaitFailed { path, error: error.bounded(), timed_out: end.status == RunStatus::TimedOut })
    }

    /// The inputs for the run that the step at `path` waits for.
    pub fn child_inputs(&self, path: &StepPath) -> Option<Inputs> {
        let slot = self.slot(path)?;
        match self.instance(slot).inputs.get("inputs") {
            Some(Value::Map(entries)) => Some(entries.clone().into_iter().collect()),
            _ => Some(Inputs::new()),
        }
    }

    /// The effect that stands for the run which the step waits for: undoing it takes that run back.
    fn child_effect(&self, slot: Slot) -> EffectId {
        EffectId { path: self.path(slot), name: format!("run:{}", self.instance(slot).attempt) }
    }

    /// Whether the effect that stands for the run is in the journal, so that the run may be started.
    pub(crate) fn is_bound(&self, slot: Slot) -> bool {
        self.number_of(&self.child_effect(slot)).is_some()
    }

    /// Steps that wait, with what for, in the order of the workflow.
    pub fn waiting(&self) -> impl Iterator<Item = (StepPath, &Wait)> {
        self.facts.waiting.iter().filter_map(|&slot| {
            let instance = self.instance(slot);
            debug_assert_eq!(instance.phase, StepPhase::Waiting);
            Some((self.path(slot), &instance.waiting.as_ref()?.wait))
        })
    }
}
