//! Reads a run back from its events.

use std::sync::Arc;

use engine_core::plan::Plan;
use engine_core::run::{Event, IllegalTransition, RunState, UnknownEvent};
use engine_ports::{EventRecord, Projection, RunRow, RunStore, StoreError};
use tokio::task::JoinHandle;
use vocab::{RunId, Timestamp};

use super::meta::RunContext;
use super::own_time::Lead;
use super::project;
use crate::shared::Shared;

/// Events read at once.
const PAGE: u32 = 1000;

/// A run as its events tell it.
pub(crate) struct Loaded {
    pub(crate) state: RunState,
    pub(crate) row: RunRow,
}

/// What a run that was read back needs.
pub(crate) enum Need {
    /// An actor, now: something runs, can start, or follows from where it is. The run comes back where nothing was
    /// decided about it yet.
    Actor(Option<Box<Loaded>>),
    /// Nothing before this time; without one, nothing until somebody asks for it.
    Rest(Option<Timestamp>),
    /// Nothing any more: it is over.
    Nothing,
}

impl Loaded {
    /// What the run needs at `now`.
    fn need(mut self, now: Timestamp) -> Need {
        if self.row.is_over() {
            return Need::Nothing;
        }
        let state = &mut self.state;
        if state.running().next().is_some() || state.next_ready().is_some() || !state.outstanding().is_empty()
        {
            return Need::Actor(Some(Box::new(self)));
        }
        // What is decided here is not recorded: the state is spent, and whoever needs it reads it again.
        let decision = state.decide(now);
        if !decision.events.is_empty() || !decision.commands.is_empty() {
            Need::Actor(None)
        } else {
            Need::Rest(decision.wake_at)
        }
    }
}

/// Why a run cannot be read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The store failed; it may pass.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such run.
    #[error("there is no run {0}")]
    Missing(RunId),
    /// Its plan cannot be read.
    #[error("the plan of run {run} cannot be read: {reason}")]
    Plan { run: RunId, reason: String },
    /// An event of it is not known to this version.
    #[error("event {seq} of run {run}: {reason}")]
    Event { run: RunId, seq: u64, reason: UnknownEvent },
    /// Its first event does not say whose it is.
    #[error("the first event of run {0} does not say whose it is and what it may do")]
    Context(RunId),
    /// Its events contradict each other.
    #[error("event {seq} of run {run} does not follow from those before: {reason}")]
    History { run: RunId, seq: u64, reason: IllegalTransition },
}

impl LoadError {
    /// Whether trying again can help.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::Store(StoreError::Database(_) | StoreError::Full(_) | StoreError::Unknown(_)))
    }
}

/// What a run in the store needs now; times are those of the process.
pub(crate) async fn look(shared: &Shared, run: RunId) -> Result<Need, LoadError> {
    let loaded = load(&shared.store, run).await?;
    let now = shared.clock.now();
    let lead = shared.runs.lead(run, Lead::of(&loaded.state, now));
    if !lead.is_none() {
        tracing::warn!(%run, "the machine's clock was set back: the run goes on from its last event");
    }
    Ok(match loaded.need(lead.time(now)) {
        Need::Rest(until) => Need::Rest(until.map(|until| lead.reached(until))),
        other => other,
    })
}

/// Replays a run. While one page of its events is applied, the next one is read and decoded beside that: a start after a
/// crash waits for the longest history.
pub(crate) async fn load(store: &Arc<dyn RunStore>, run: RunId) -> Result<Loaded, LoadError> {
    let row = store.run_any_tenant(run).await?.ok_or(LoadError::Missing(run))?;
    let mut state = history(store, &row, row.seq).await?;
    // The rows were written with the events. What a run may do is read from its first event, never from a row.
    state.mark_saved();
    let row = named(&state, row)?;
    Ok(Loaded { state, row })
}

/// All rows of a run as its events have them; of `row`, only who it is and which plan it follows is believed.
pub(crate) async fn replay(store: &Arc<dyn RunStore>, row: RunRow) -> Result<Projection, LoadError> {
    let run = row.id;
    let state = history(store, &row, u64::MAX).await?;
    let mut row = named(&state, row)?;
    if let Some(created) = state.created() {
        (row.workflow, row.inputs) = (state.plan().name().to_owned(), created.inputs.clone());
    }
    Ok(Projection {
        run: project::run_row(&state, &row),
        steps: state.changed_steps().map(|step| project::step_row(run, &step)).collect(),
        effects: state.changed_effects().map(|effect| project::effect_record(run, &effect)).collect(),
    })
}

/// What the first event says of a run, in its row.
fn named(state: &RunState, row: RunRow) -> Result<RunRow, LoadError> {
    let created = state.created();
    let context = created.and_then(|created| RunContext::of(&created.context));
    let RunContext { tenant, project, trigger } = context.ok_or(LoadError::Context(row.id))?;
    let group = created.and_then(|created| created.group.clone());
    let parent = created.and_then(|created| created.parent.as_ref()).map(|parent| parent.run);
    Ok(RunRow { tenant, project, trigger, group, parent, ..row })
}

/// The state after the events of a run, up to `last` or the last one that there is.
async fn history(store: &Arc<dyn RunStore>, row: &RunRow, last: u64) -> Result<RunState, LoadError> {
    let run = row.id;
    let mut ahead = Some(read_ahead(store, run, 0));
    let plan = store.plan(&row.plan).await?;
    let plan: Plan =
        serde_json::from_value(plan).map_err(|error| LoadError::Plan { run, reason: error.to_string() })?;
    let mut state = RunState::new(Arc::new(plan));
    while let Some(page) = ahead.take() {
        // The task is not aborted: should it panic or the runtime end, the store did not answer.
        let events = page.await.map_err(|error| StoreError::Database(error.to_string()))??;
        let read = events.last().map(|event| event.seq);
        ahead = read.filter(|read| *read < last).map(|read| read_ahead(store, run, read));
        for record in events {
            let seq = record.seq;
            let event = Event::from_parts(&record.kind, record.v, record.payload)
                .map_err(|reason| LoadError::Event { run, seq, reason })?;
            state.apply(seq, record.at, &event).map_err(|reason| LoadError::History { run, seq, reason })?;
        }
    }
    Ok(state)
}

/// Reads a page of events in a task of its own.
fn read_ahead(
    store: &Arc<dyn RunStore>,
    run: RunId,
    after: u64,
) -> JoinHandle<Result<Vec<EventRecord>, StoreError>> {
    let store = Arc::clone(store);
    tokio::spawn(async move { store.events(run, after, PAGE).await })
}
