//! Runs, their steps, effects and events.

use std::collections::BTreeMap;

use engine_ports::{EffectRecord, EventRecord, RunRow, StepRow};
use engine_runtime::Waits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use vocab::{Compensation, EffectState, Outputs, RunId, RunStatus, StepStatus, Timestamp};

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RunSummary {
    /// The run.
    #[schemars(with = "String")]
    pub(crate) id: RunId,
    /// Name of its workflow.
    pub(crate) workflow: String,
    /// Name of its project; null for a workflow that was handed in.
    pub(crate) project: Option<String>,
    /// Where it is.
    pub(crate) status: RunStatus,
    /// The group whose room it shares, where its workflow names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    /// What it waits for, while it is queued for its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waits: Option<WaitsView>,
    /// How its unwinding went.
    pub(crate) compensation: Compensation,
    /// Its outputs, once it succeeded.
    #[schemars(with = "BTreeMap<String, Json>")]
    pub(crate) outputs: Outputs,
    /// Time from its acceptance to its end, or until now, in milliseconds.
    pub(crate) duration_ms: u64,
    /// Why it did not succeed.
    pub(crate) error: Option<String>,
    /// What started it: kind, ref, commit, actor.
    pub(crate) trigger: Json,
    /// Its inputs.
    pub(crate) inputs: BTreeMap<String, Json>,
    /// When it was accepted, RFC 3339.
    pub(crate) created_at: String,
    /// When it ended.
    pub(crate) finished_at: Option<String>,
    /// Sequence number of its newest event.
    pub(crate) seq: u64,
}

/// What a queued run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WaitsView {
    /// In a sentence.
    pub(crate) message: String,
    /// The run before it, where it waits in a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) behind: Option<RunId>,
}

impl From<Waits> for WaitsView {
    fn from(waits: Waits) -> Self {
        Self { message: waits.to_string(), behind: waits.behind() }
    }
}

impl RunSummary {
    /// A row as callers see it.
    pub(crate) fn new(row: RunRow, project: Option<String>, now: Timestamp) -> Self {
        Self {
            id: row.id,
            workflow: row.workflow,
            project,
            status: row.status,
            group: row.group.map(|group| group.name),
            waits: None,
            compensation: row.compensation,
            outputs: row.outputs,
            duration_ms: millis(Some(row.created_at), row.finished_at, now),
            error: row.error,
            trigger: row.trigger,
            inputs: row.inputs.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
            created_at: row.created_at.to_string(),
            finished_at: row.finished_at.map(|at| at.to_string()),
            seq: row.seq,
        }
    }
}

/// A step instance of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct StepView {
    /// The step instance: `build[2]/inner`.
    pub(crate) path: String,
    /// The action that it uses.
    pub(crate) action: String,
    /// Where it is.
    pub(crate) status: StepStatus,
    /// Attempts that were started.
    pub(crate) attempts: u32,
    /// Whether its outputs were computed earlier: they come from the cache, or from the run in `taken_over`.
    pub(crate) cached: bool,
    /// Where it ended, when it was taken over from another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) taken_over: Option<TakenFrom>,
    /// Its outputs.
    #[schemars(with = "BTreeMap<String, Json>")]
    pub(crate) outputs: Outputs,
    /// Time from its first start to its end, or until now; 0 when it never started. Milliseconds.
    pub(crate) duration_ms: u64,
    /// Why it did not succeed: class, message, help.
    pub(crate) error: Option<Json>,
    /// What it is doing now, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<String>,
    /// When its first attempt started.
    pub(crate) started_at: Option<String>,
    /// When it ended.
    pub(crate) finished_at: Option<String>,
}

impl StepView {
    /// A row as callers see it.
    pub(crate) fn new(row: StepRow, now: Timestamp) -> Self {
        Self {
            path: row.path.to_string(),
            action: row.action,
            status: row.status,
            attempts: row.attempts,
            cached: row.cached,
            taken_over: None,
            outputs: row.outputs,
            duration_ms: millis(row.started_at, row.finished_at, now),
            error: row.error,
            progress: None,
            started_at: row.started_at.map(|at| at.to_string()),
            finished_at: row.finished_at.map(|at| at.to_string()),
        }
    }
}

impl StepView {
    /// Where its outputs come from, when this run did not compute them.
    pub(crate) fn origin(&self) -> Option<String> {
        match (&self.taken_over, self.cached) {
            (Some(from), _) => Some(format!("taken over from {}", from.run)),
            (None, true) => Some("from the cache".to_owned()),
            (None, false) => None,
        }
    }
}

/// The step of another run that did the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TakenFrom {
    /// The run.
    #[schemars(with = "String")]
    pub(crate) run: RunId,
    /// The step instance.
    pub(crate) step: String,
}

/// A run with its steps: what `run --output json` prints too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RunDetail {
    /// The run.
    pub(crate) run: RunSummary,
    /// Its steps, in the order of the workflow.
    pub(crate) steps: Vec<StepView>,
}

/// A part of the list of runs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RunPage {
    /// The runs.
    pub(crate) runs: Vec<RunSummary>,
    /// `before` of the next part, where there is one.
    #[schemars(with = "Option<String>")]
    pub(crate) next: Option<RunId>,
}

/// An effect of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EffectView {
    /// Its stable name: `RUN/STEP/NAME`.
    pub(crate) key: String,
    /// The step instance that made it.
    pub(crate) step: String,
    /// The action's name for it.
    pub(crate) name: String,
    /// Action and version that made it and can undo it.
    pub(crate) action: String,
    /// Where it is in its life.
    pub(crate) state: EffectState,
    /// What was meant.
    pub(crate) intent: Json,
    /// What came of it.
    pub(crate) handle: Option<Json>,
    /// Its place in the journal.
    pub(crate) seq: u64,
}

impl From<EffectRecord> for EffectView {
    fn from(record: EffectRecord) -> Self {
        Self {
            key: record.key.to_string(),
            step: record.key.path.to_string(),
            name: record.key.name,
            action: record.action.to_string(),
            state: record.state,
            intent: record.intent,
            handle: record.handle,
            seq: record.seq,
        }
    }
}

/// An event of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EventView {
    /// Its place in the run, from 1.
    pub(crate) seq: u64,
    /// When it was decided, RFC 3339.
    pub(crate) at: String,
    /// What happened.
    pub(crate) kind: String,
    /// Version of the payload's form.
    pub(crate) v: u32,
    /// The rest.
    pub(crate) payload: Json,
}

impl From<EventRecord> for EventView {
    fn from(record: EventRecord) -> Self {
        Self {
            seq: record.seq,
            at: record.at.to_string(),
            kind: record.kind,
            v: record.v,
            payload: record.payload,
        }
    }
}

/// A part of the events of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EventPage {
    /// The events, in order.
    pub(crate) events: Vec<EventView>,
    /// `after` of the next part, where there may be one.
    pub(crate) next: Option<u64>,
}

/// Asks for a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRunBody {
    /// The project whose repository holds the workflow. Either this or `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
    /// Name of the workflow, or its file; needed where the commit holds several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workflow: Option<String>,
    /// The ref or the full commit to take it from.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub(crate) git_ref: Option<String>,
    /// The text of a workflow to run as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// Its inputs.
    #[serde(default)]
    pub(crate) inputs: BTreeMap<String, Json>,
}

/// Asks for a run's end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelRun {
    /// Why, for the record.
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// Asks for a run once more. With neither, all of it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryRun {
    /// Only what did not succeed, and what depends on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) failed: bool,
    /// Only this step and what depends on it: `build`, `build[2]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
}

/// What is tried once more to be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct UndoAnswer {
    /// The run.
    #[schemars(with = "String")]
    pub(crate) run: RunId,
    /// How many effects of it are stuck.
    pub(crate) effects: usize,
}

/// Says what a person decided about a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecideRun {
    /// What.
    pub(crate) decision: DecisionWord,
    /// The paused step that it is about: `build`, `build[2]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
    /// What the step would have given, for `bypass`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) outputs: BTreeMap<String, Json>,
    /// Why, for the record.
    pub(crate) reason: String,
}

/// What a person may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecisionWord {
    /// Nothing new starts in the run.
    Pause,
    /// It goes on.
    Resume,
    /// The paused step is tried again.
    Retry,
    /// The paused step is left out.
    Skip,
    /// The paused step's outputs are supplied.
    Bypass,
    /// The paused step failed, and the run goes back.
    GiveUp,
}

/// Milliseconds from start to end, or until now; 0 without a start.
pub(crate) fn millis(start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> u64 {
    let taken = start.map(|start| end.unwrap_or(now).since(start)).unwrap_or_default();
    u64::try_from(taken.as_millis()).unwrap_or(u64::MAX)
}
