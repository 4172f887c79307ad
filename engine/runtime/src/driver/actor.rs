//! The actor of one run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use engine_core::run::{
    Begin, Command, EffectId, Event, Failure, IllegalTransition, JournalRefusal, Report, RunState,
};
use engine_ports::{
    ActionError, EffectRecord, JournalError, NewRun, Notice, Presence, RunRow, StoreError, UndoOutcome,
};
use tokio::sync::{mpsc, oneshot};
use vocab::{EffectState, RunId};

use super::load::{LoadError, Loaded, load};
use super::message::{CancelRefused, JournalEntry, JournalWrite, Message};
use super::meta::RunMeta;
use super::project;
use super::turn::{Grant, Holder, NewRunParts, Turn};
use crate::attempt::{Assignment, Ended, Leash, LocalAttempt, Stop, execute};
use crate::effects;
use crate::shared::Shared;

/// Messages that one turn, and so one commit, takes up.
const TURN_MESSAGES: usize = 64;
/// How long a lease lasts unless it is renewed.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// A run in which nothing happens for longer than this leaves memory.
const LINGER: Duration = Duration::from_secs(10);
/// Pauses before the store is asked again.
const RELOAD_FIRST: Duration = Duration::from_millis(50);
const RELOAD_MOST: Duration = Duration::from_secs(5);

/// Where an actor begins.
pub(crate) enum Start {
    /// From the store.
    Load,
    /// With what was read already.
    Loaded(Box<Loaded>),
    /// With a run that is not in the store yet; the answer is the run that is there then.
    New(Box<NewRunParts>, oneshot::Sender<Result<RunId, StoreError>>),
}

/// Why an actor has to begin anew.
#[derive(Debug, thiserror::Error)]
enum Broken {
    /// It is not known what was written, or somebody else writes too.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An event of a decision did not fit: the core contradicts itself.
    #[error(transparent)]
    Core(#[from] IllegalTransition),
}

/// Runs the actor of `run` until nothing is outstanding.
pub(crate) async fn run(
    shared: Arc<Shared>,
    run: RunId,
    start: Start,
    mut mailbox: mpsc::Receiver<Message>,
    own: mpsc::WeakSender<Message>,
) {
    // Attempts, probes and undos outlive a failure of the store, and so do their records.
    let mut outstanding = Outstanding::default();
    let mut start = start;
    loop {
        let after_start = matches!(start, Start::Loaded(_));
        let begun = match start {
            Start::New(parts, answer) => match create(&shared, run, *parts, &mut outstanding).await {
                Ok((id, actor)) => {
                    let _ = answer.send(Ok(id));
                    actor
                }
                Err(error) => {
                    let _ = answer.send(Err(error));
                    // It may have been written all the same: then it must not stand still.
                    reload(&shared, run).await.map(|loaded| Actor::new(&shared, run, loaded))
                }
            },
            Start::Loaded(loaded) => Some(Actor::new(&shared, run, *loaded)),
            Start::Load => reload(&shared, run).await.map(|loaded| Actor::new(&shared, run, loaded)),
        };
        let Some(mut actor) = begun else { break };
        match actor.work(&mut mailbox, &mut outstanding, after_start).await {
            Ok(()) => break,
            Err(broken) => {
                tracing::warn!(%run, error = %broken, "a run is read anew");
                if matches!(broken, Broken::Core(_)) {
                    tokio::time::sleep(RELOAD_MOST).await;
                }
                start = Start::Load;
            }
        }
    }
    if !mailbox.is_closed() {
        shared.slots.forget(run);
        mailbox.close();
    }
    if let Some(own) = own.upgrade() {
        shared.runs.forget(run, &own);
    }
    // What came after the last look goes to the next actor; after a stop, to nobody.
    while let Ok(message) = mailbox.try_recv() {
        let shared = Arc::clone(&shared);
        if !shared.stopped.is_cancelled() && !matches!(message, Message::Wake) {
            tokio::spawn(async move { shared.send(run, message).await });
        }
    }
}

/// Reads the run; asks again while the store fails in a way that may pass.
async fn reload(shared: &Shared, run: RunId) -> Option<Loaded> {
    let mut pause = RELOAD_FIRST;
    loop {
        match load(shared.store.as_ref(), run).await {
            Ok(loaded) => return Some(loaded),
            Err(error) if error.may_pass() => tracing::warn!(%run, %error, "a run cannot be read now"),
            Err(LoadError::Store(StoreError::Closed) | LoadError::Missing(_)) => return None,
            Err(error) => {
                tracing::error!(%run, %error, "a run cannot be read; it stands still");
                return None;
            }
        }
        tokio::select! {
            () = shared.stopped.cancelled() => return None,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(RELOAD_MOST),
        }
    }
}

/// Creates the run, its first attempts included, in one transaction.
async fn create(
    shared: &Arc<Shared>,
    run: RunId,
    parts: NewRunParts,
    outstanding: &mut Outstanding,
) -> Result<(RunId, Option<Actor>), StoreError> {
    let NewRunParts { row, created, plan, plan_json, origin } = parts;
    let mut actor = Actor::new(shared, run, Loaded { state: RunState::new(plan), row });
    let internal =
        |error: IllegalTransition| StoreError::Database(format!("the run contradicts itself: {error}"));
    actor.record(&Event::RunCreated(Box::new(created))).map_err(internal)?;
    actor.follow().map_err(internal)?;
    let commit = actor.turn.commit(&actor.state, &actor.row);
    let row = commit.run.clone();
    let id = shared.store.create(NewRun { commit, plan: plan_json, origin }).await?;
    if id != run {
        // The run of the first delivery: it goes on, should it stand still.
        shared.runs.start(shared, id, Start::Load);
        return Ok((id, None));
    }
    actor.durable(row, outstanding);
    Ok((id, Some(actor)))
}

/// What this process does for the run.
#[derive(Default)]
struct Outstanding {
    /// Attempts, by fencing token.
    attempts: HashMap<u64, Arc<Leash>>,
    /// Probes and undos.
    jobs: HashSet<Command>,
}

struct Actor {
    shared: Arc<Shared>,
    run: RunId,
    state: RunState,
    /// The row as it is in the store.
    row: RunRow,
    meta: Arc<RunMeta>,
    turn: Turn,
}

impl Actor {
    fn new(shared: &Arc<Shared>, run: RunId, loaded: Loaded) -> Self {
        let Loaded { state, row } = loaded;
        let meta = Arc::new(RunMeta::of(&row));
        Self { shared: Arc::clone(shared), run, state, row, meta, turn: Turn::default() }
    }

    /// Turn after turn, until nothing is outstanding or the engine stops.
    async fn work(
        &mut self,
        mailbox: &mut mpsc::Receiver<Message>,
        outstanding: &mut Outstanding,
        after_start: bool,
    ) -> Result<(), Broken> {
        self.recover(outstanding, after_start)?;
        loop {
            self.follow()?;
            self.flush(outstanding).await?;
            if self.is_idle(outstanding) {
                let finished = self.state.status().is_terminal();
                let until = self.turn.wake_at.filter(|_| !finished);
                self.shared.slots.forget(self.run);
                if self.shared.runs.leave(self.run, mailbox, until) {
                    return Ok(());
                }
            }
            let message = tokio::select! {
                biased;
                () = self.shared.stopped.cancelled() => return Ok(()),
                message = mailbox.recv() => message,
                () = tokio::time::sleep(self.pause()) => Some(Message::Wake),
            };
            let Some(message) = message else { return Ok(()) };
            self.take(message, outstanding)?;
            for _ in 1..TURN_MESSAGES {
                let Ok(message) = mailbox.try_recv() else { break };
                self.take(message, outstanding)?;
            }
        }
    }

    /// After a start or a failure: what runs and what must be going on, compared with what this process does.
    ///
    /// An attempt that this process was granted and does not execute is lost. So is, after a start, every other
    /// worker's: one process holds the data folder, so that it was one of an earlier start.
    fn recover(&mut self, outstanding: &mut Outstanding, after_start: bool) -> Result<(), IllegalTransition> {
        let running: Vec<_> = self.state.running().collect();
        outstanding.attempts.retain(|token, leash| {
            let held = running.iter().any(|attempt| attempt.token == *token);
            if !held {
                leash.stop(Stop::Lost);
            }
            held
        });
        let own = self.shared.worker;
        let lost = |worker| worker == own || after_start;
        let elsewhere = running.iter().filter(|attempt| !outstanding.attempts.contains_key(&attempt.token));
        for attempt in elsewhere.filter(|attempt| lost(attempt.worker)) {
            let (path, number, token) = (attempt.path.clone(), attempt.attempt, attempt.token);
            self.record(&Event::AttemptLost { path, attempt: number, token })?;
        }
        self.follow()?;
        self.turn.commands.extend(self.state.outstanding());
        Ok(())
    }

    fn record(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        self.turn.record(&mut self.state, self.shared.clock.now(), event)
    }

    /// Everything that follows: decisions to the fixpoint, and attempts as far as there is room.
    fn follow(&mut self) -> Result<(), IllegalTransition> {
        let now = self.shared.clock.now();
        self.turn.settle(&mut self.state, now)?;
        let holder = Holder { run: self.run, worker: self.shared.worker, until: now.plus(LEASE) };
        let slots = &self.shared.slots;
        let before = self.turn.grants.len();
        let waits = self.turn.grant(&mut self.state, now, holder, || slots.take())?;
        self.turn.slots.clear();
        if waits {
            slots.wait(self.run);
        }
        if self.turn.grants.len() > before {
            self.turn.settle(&mut self.state, now)?;
        }
        Ok(())
    }

    /// Makes the turn durable, then lets the outside see it.
    ///
    /// This is the place of the output-commit rule: a turn that holds only the start and the end of pure steps in
    /// process could let its grants go at once and be committed with the next turns, in order; only answers, notices,
    /// commands and `begin` have to wait. As it stands every turn waits for its commit, and commits of different runs
    /// share an fsync in the store's writer.
    async fn flush(&mut self, outstanding: &mut Outstanding) -> Result<(), Broken> {
        if self.turn.events.is_empty() {
            self.settled(outstanding);
            return Ok(());
        }
        let commit = self.turn.commit(&self.state, &self.row);
        let row = commit.run.clone();
        self.shared.store.commit(commit).await?;
        self.durable(row, outstanding);
        Ok(())
    }

    /// The turn is in the store.
    fn durable(&mut self, row: RunRow, outstanding: &mut Outstanding) {
        self.row = row;
        self.state.mark_saved();
        self.settled(outstanding);
        let (tenant, run, seq) = (self.row.tenant.clone(), self.run, self.row.seq);
        self.shared.bus.publish(Notice { tenant, run, seq });
    }

    /// Lets out what waited for the store.
    fn settled(&mut self, outstanding: &mut Outstanding) {
        for answer in std::mem::take(&mut self.turn.answers) {
            answer();
        }
        for grant in std::mem::take(&mut self.turn.grants) {
            self.begin(grant, outstanding);
        }
        for command in std::mem::take(&mut self.turn.commands) {
            self.carry_out(&command, outstanding);
        }
    }

    fn begin(&self, grant: Grant, outstanding: &mut Outstanding) {
        let Grant { path, attempt, token, action, inputs, timeout, cache, leash, slot } = grant;
        outstanding.attempts.insert(token, Arc::clone(&leash));
        let local = LocalAttempt { run: self.run, path: path.clone(), token, leash: Arc::clone(&leash) };
        self.shared.local.keep(local);
        if self.shared.stopped.is_cancelled() {
            leash.stop(Stop::Lost);
        }
        let (run, meta) = (self.run, Arc::clone(&self.meta));
        let assignment =
            Assignment { run, path, attempt, token, action, inputs, timeout, cache, meta, leash, slot };
        self.shared.tasks.spawn(execute(Arc::clone(&self.shared), assignment));
    }

    fn carry_out(&self, command: &Command, outstanding: &mut Outstanding) {
        match command {
            Command::CancelAttempt { token, .. } => {
                if let Some(leash) = outstanding.attempts.get(token) {
                    leash.stop(Stop::Asked);
                }
            }
            Command::ProbeEffect { effect } => {
                if let Some(record) = self.effect(effect).filter(|_| outstanding.jobs.insert(command.clone()))
                {
                    let probe = effects::probe(Arc::clone(&self.shared), Arc::clone(&self.meta), record);
                    self.shared.tasks.spawn(probe);
                }
            }
            Command::UndoEffect { effect, nth } => {
                if let Some(record) = self.effect(effect).filter(|_| outstanding.jobs.insert(command.clone()))
                {
                    let undo = effects::undo(Arc::clone(&self.shared), Arc::clone(&self.meta), record, *nth);
                    self.shared.tasks.spawn(undo);
                }
            }
        }
    }

    fn effect(&self, effect: &EffectId) -> Option<EffectRecord> {
        self.state.effect_of(effect).map(|view| project::effect_record(self.run, &view))
    }

    fn take(&mut self, message: Message, outstanding: &mut Outstanding) -> Result<(), IllegalTransition> {
        match message {
            Message::Wake => Ok(()),
            Message::Slot(slot) => {
                self.turn.slots.push(slot);
                // What the slot starts must not wait for the other messages: they may be many.
                self.follow()
            }
            Message::Ended(ended) => self.ended(*ended, outstanding),
            Message::Lost { path, token } => {
                outstanding.attempts.remove(&token);
                if let Ok(event) = self.state.conclude(&path, token, Report::Lost) {
                    self.record(&event)?;
                }
                self.follow()
            }
            Message::Journal(entry) => self.journal(*entry),
            Message::Probed { effect, presence } => {
                outstanding.jobs.remove(&Command::ProbeEffect { effect: effect.clone() });
                self.probed(effect, presence)
            }
            Message::Undone { effect, nth, outcome } => {
                outstanding.jobs.remove(&Command::UndoEffect { effect: effect.clone(), nth });
                self.undone(effect, nth, outcome)
            }
            Message::Cancel { by, reason, answer } => {
                let outcome = self
                    .record(&Event::CancelRequested { by, reason })
                    .map_err(|refused| CancelRefused::TooLate(refused.to_string()));
                self.answer(answer, outcome);
                self.decide_now()
            }
            Message::RetryUndo { by, answer } => {
                let stuck: Vec<_> =
                    self.state.effects().filter(|e| e.state == EffectState::Stuck).map(|e| e.id).collect();
                for effect in &stuck {
                    self.record(&Event::UndoRequested { effect: effect.clone(), by: by.clone() })?;
                }
                self.answer(answer, stuck.len());
                self.decide_now()
            }
        }
    }

    /// Decides before the next message: it may find another state.
    fn decide_now(&mut self) -> Result<(), IllegalTransition> {
        self.turn.settle(&mut self.state, self.shared.clock.now())
    }

    /// Answers once the turn is durable.
    fn answer<T: Send + 'static>(&mut self, to: oneshot::Sender<T>, value: T) {
        self.turn.answers.push(Box::new(move || {
            // Whoever asked may be gone.
            let _ = to.send(value);
        }));
    }

    fn ended(&mut self, ended: Ended, outstanding: &mut Outstanding) -> Result<(), IllegalTransition> {
        let Ended { path, token, outcome, slot, answer } = ended;
        outstanding.attempts.remove(&token);
        match self.state.conclude(&path, token, outcome.report) {
            Ok(event) => {
                let succeeded = matches!(event, Event::AttemptSucceeded { .. });
                self.record(&event)?;
                self.turn.memos.extend(outcome.memo.filter(|_| succeeded).map(|memo| *memo));
            }
            Err(lost) => tracing::warn!(run = %self.run, %lost, "a late report is refused"),
        }
        self.answer(answer, ());
        self.turn.slots.extend(slot.and_then(crate::dispatch::Slot::again));
        self.follow()
    }

    fn journal(&mut self, entry: JournalEntry) -> Result<(), IllegalTransition> {
        let JournalEntry { path, name, token, write, answer } = entry;
        let event = match write {
            JournalWrite::Begin(intent) => match self.state.begin_effect(&path, token, &name, intent) {
                Ok(Begin::Record(event)) => Ok(Some(event)),
                Ok(Begin::Known(_)) => Ok(None),
                Err(refused) => Err(refused),
            },
            JournalWrite::Made(handle) => self.state.effect_made(&path, token, &name, handle).map(Some),
            JournalWrite::Absent => self.state.effect_absent(&path, token, &name).map(Some),
        };
        let outcome = match event {
            Ok(event) => {
                if let Some(event) = event {
                    self.record(&event)?;
                }
                let effect = EffectId { path, name };
                self.effect(&effect).ok_or_else(|| {
                    JournalError::Store(format!("the effect `{effect}` is not in the journal"))
                })
            }
            Err(refused) => Err(refusal(refused)),
        };
        self.answer(answer, outcome);
        self.decide_now()
    }

    fn probed(
        &mut self,
        effect: EffectId,
        presence: Result<Presence, ActionError>,
    ) -> Result<(), IllegalTransition> {
        let event = match presence {
            Ok(Presence::Present(handle)) => Event::EffectMade { effect, handle, token: None },
            Ok(Presence::Absent) => Event::EffectAbsent { effect, token: None },
            Ok(Presence::Unknown) => Event::EffectUncertain {
                effect,
                reason: "the outside does not tell whether it is there".to_owned(),
            },
            Err(error) => Event::EffectUncertain { effect, reason: error.message },
        };
        self.record_unless_late(&event);
        self.decide_now()
    }

    fn undone(
        &mut self,
        effect: EffectId,
        nth: u32,
        outcome: Result<UndoOutcome, ActionError>,
    ) -> Result<(), IllegalTransition> {
        let current = self.state.effect_of(&effect).is_some_and(|view| view.tries == nth);
        let event = match outcome {
            _ if !current => None,
            Ok(UndoOutcome::Undone) => Some(Event::EffectUndone { effect }),
            Ok(UndoOutcome::Superseded(found)) => Some(Event::EffectSuperseded { effect, found }),
            Err(error) => {
                let failure = Failure::new(error.class, error.message);
                let failure = match error.help {
                    Some(help) => failure.help(help),
                    None => failure,
                };
                self.state.undo_failed(&effect, failure)
            }
        };
        if let Some(event) = event {
            self.record_unless_late(&event);
        }
        self.decide_now()
    }

    /// An answer that came twice, as after a failure of the store, fits no more and changes nothing.
    fn record_unless_late(&mut self, event: &Event) {
        if let Err(late) = self.record(event) {
            tracing::debug!(run = %self.run, %late, "a late answer is passed over");
        }
    }

    /// Whether nothing happens here until a message comes, or for long.
    fn is_idle(&self, outstanding: &Outstanding) -> bool {
        let far = || self.turn.wake_at.is_none_or(|at| at.since(self.shared.clock.now()) > LINGER);
        outstanding.attempts.is_empty()
            && outstanding.jobs.is_empty()
            && self.state.next_ready().is_none()
            && (self.state.status().is_terminal() || far())
    }

    fn pause(&self) -> Duration {
        let due = self.turn.wake_at.map(|at| at.since(self.shared.clock.now()));
        due.map_or(LINGER, |due| due.clamp(Duration::from_millis(1), LINGER))
    }
}

fn refusal(refused: JournalRefusal) -> JournalError {
    match refused {
        JournalRefusal::LeaseLost(_) | JournalRefusal::Halted(_) => JournalError::LeaseLost,
        JournalRefusal::Undeclared { name, .. } => JournalError::Undeclared(name),
        other => JournalError::Store(other.to_string()),
    }
}
