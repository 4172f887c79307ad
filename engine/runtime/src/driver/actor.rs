//! The actor of one run: turn after turn, each durable before anything outside sees it.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use engine_core::run::{Command, EffectId, Event, IllegalTransition, RunState};
use engine_ports::{Commit, EffectRecord, Notice, RunRow, StoreError};
use futures::FutureExt as _;
use tokio::sync::mpsc;
use vocab::{Compensation, EffectState, RunId, Timestamp};

use super::children::{self, Child};
use super::load::Loaded;
use super::message::Message;
use super::meta::RunMeta;
use super::own_time::Ahead;
use super::project;
use super::turn::{Grant, Holder, Turn};
use crate::attempt::{Assignment, Leash, LocalAttempt, Stop, execute};
use crate::effects;
use crate::shared::Shared;

/// Messages that one turn, and so one commit, takes up.
const TURN_MESSAGES: usize = 64;
/// How long a lease lasts unless it is renewed.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// A run in which nothing happens for longer than this leaves memory.
const LINGER: Duration = Duration::from_secs(10);
/// Runs in memory beyond which those leave that only wait for a slot.
const CROWD: usize = 256;

/// Why an actor has to begin anew.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// It is not known what was written, or somebody else writes too.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An event of a decision did not fit: the core contradicts itself.
    #[error(transparent)]
    Core(#[from] IllegalTransition),
}

/// What this process does for the run.
#[derive(Default)]
pub(super) struct Outstanding {
    /// Attempts, by fencing token.
    pub(super) attempts: HashMap<u64, Arc<Leash>>,
    /// Probes and undos.
    pub(super) jobs: HashSet<Command>,
}

pub(super) struct Actor {
    pub(super) shared: Arc<Shared>,
    pub(super) run: RunId,
    pub(super) state: RunState,
    /// The row as it is in the store.
    row: RunRow,
    meta: Arc<RunMeta>,
    pub(super) turn: Turn,
    committed: bool,
    ahead: Ahead,
}

impl Actor {
    pub(super) fn new(shared: &Arc<Shared>, run: RunId, loaded: Loaded) -> Self {
        let Loaded { state, row } = loaded;
        let meta = Arc::new(RunMeta::of(&row));
        let ahead = shared.runs.ahead(run, Ahead::of(&state, shared.clock.now()));
        let shared = Arc::clone(shared);
        Self { shared, run, state, row, meta, turn: Turn::default(), committed: false, ahead }
    }

    /// The time in the run.
    pub(super) fn now(&self) -> Timestamp {
        self.ahead.time(self.shared.clock.now())
    }

    /// Turn after turn, until nothing is outstanding or the engine stops.
    pub(super) async fn work(
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
                let until = self.turn.wake_at.map(|at| self.ahead.reached(at));
                if self.row.is_over() {
                    self.shared.runs.forget_time(self.run);
                }
                if self.state.next_ready().is_none() {
                    self.shared.slots.forget(self.run);
                }
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
        if let Some(parent) = self.parent().filter(|_| self.state.compensation() == Compensation::Held) {
            self.shared.tasks.spawn(children::ask_parent(Arc::clone(&self.shared), parent, self.run));
        }
        Ok(())
    }

    pub(super) fn record(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        let now = self.now();
        self.turn.record(&mut self.state, now, event)
    }

    /// Everything that follows: decisions to the fixpoint, and attempts as far as there is room.
    pub(super) fn follow(&mut self) -> Result<(), IllegalTransition> {
        let process = self.shared.clock.now();
        let now = self.ahead.time(process);
        self.turn.settle(&mut self.state, now)?;
        // Leases are renewed by the time of the process.
        let holder = Holder { run: self.run, worker: self.shared.worker, until: process.plus(LEASE) };
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
        let commit = self.commit();
        let row = commit.run.clone();
        self.shared.store.commit(commit).await?;
        self.durable(row, outstanding);
        Ok(())
    }

    /// Whether a turn became durable since the run was read.
    pub(super) const fn has_committed(&self) -> bool {
        self.committed
    }

    /// All of the turn that must be written.
    pub(super) fn commit(&mut self) -> Commit {
        self.turn.commit(&self.state, &self.row)
    }

    /// The turn is in the store.
    pub(super) fn durable(&mut self, row: RunRow, outstanding: &mut Outstanding) {
        let ended = row.status.is_terminal() && !self.row.status.is_terminal();
        self.row = row;
        self.committed = true;
        self.tell_family(ended);
        self.state.mark_saved();
        self.settled(outstanding);
        let (tenant, run, seq) = (self.row.tenant.clone(), self.run, self.row.seq);
        self.shared.bus.publish(Notice { tenant, run, seq });
    }

    /// Tells the run that started this one that it has ended, and those that this one started what stays.
    fn tell_family(&self, ended: bool) {
        if let Some(parent) = self.parent().filter(|_| ended) {
            let told = children::tell_parent(Arc::clone(&self.shared), parent, self.row.clone());
            self.shared.tasks.spawn(told);
        }
        let released = self.state.changed_effects().filter(|view| view.state == EffectState::Released);
        for run in released.filter_map(|view| view.child) {
            let shared = Arc::clone(&self.shared);
            let told = async move { shared.send(run, Message::HoldEnded { kept: true }).await };
            self.shared.tasks.spawn(told);
        }
    }

    /// The run that started this one.
    fn parent(&self) -> Option<RunId> {
        self.state.created().and_then(|created| created.parent.as_ref()).map(|parent| parent.run)
    }

    /// Lets out what waited for the store.
    fn settled(&mut self, outstanding: &mut Outstanding) {
        for token in std::mem::take(&mut self.turn.ended) {
            outstanding.attempts.remove(&token);
        }
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
        let Grant { path, attempt, token, action, inputs, timeout, cache, promise, leash, slot } = grant;
        outstanding.attempts.insert(token, Arc::clone(&leash));
        let local = LocalAttempt { run: self.run, path: path.clone(), token, leash: Arc::clone(&leash) };
        self.shared.local.keep(local);
        if self.shared.stopped.is_cancelled() {
            leash.stop(Stop::Lost);
        }
        let (shared, run, meta) = (Arc::clone(&self.shared), self.run, Arc::clone(&self.meta));
        let at = path.clone();
        let assignment = Assignment {
            run,
            path,
            attempt,
            token,
            action,
            inputs,
            timeout,
            cache,
            promise,
            meta,
            leash,
            slot,
        };
        self.shared.tasks.spawn(async move {
            let work = AssertUnwindSafe(execute(Arc::clone(&shared), assignment)).catch_unwind();
            // Actions that panic are caught further in; this is about the engine's own part.
            if work.await.is_err() {
                tracing::error!(%run, path = %at, attempt, "an attempt broke off");
                shared.local.forget(run, token);
                shared.send(run, Message::Lost { path: at, token }).await;
            }
        });
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
            Command::StartRun { path, run, workflow } => {
                let spec = self.state.plan().spec().workflows.get(workflow);
                let (Some(spec), Some(inputs)) = (spec, self.state.child_inputs(path)) else { return };
                if outstanding.jobs.insert(command.clone()) {
                    let (spec, parent) = (spec.clone(), self.row.clone());
                    let child = Child { run: *run, spec, inputs, parent, path: path.clone() };
                    self.shared.tasks.spawn(children::start(Arc::clone(&self.shared), child));
                }
            }
            Command::CancelRun { run } => {
                let starts =
                    |other: &Command| matches!(other, Command::StartRun { run: of, .. } if of == run);
                // While it is being started, the word that it is there brings this up again.
                if !outstanding.jobs.iter().any(starts) && outstanding.jobs.insert(command.clone()) {
                    self.shared.tasks.spawn(children::cancel(Arc::clone(&self.shared), self.run, *run));
                }
            }
            Command::TakeBackRun { effect, nth, run } => {
                if outstanding.jobs.insert(command.clone()) {
                    let (shared, effect) = (Arc::clone(&self.shared), effect.clone());
                    self.shared.tasks.spawn(children::take_back(shared, self.run, *run, effect, *nth));
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

    pub(super) fn effect(&self, effect: &EffectId) -> Option<EffectRecord> {
        self.state.effect_of(effect).map(|view| project::effect_record(self.run, &view))
    }
    /// Whether nothing happens here until a message comes, or for long. A run that only waits for a slot keeps its
    /// place in the queue without being in memory, once there are many.
    fn is_idle(&self, outstanding: &Outstanding) -> bool {
        let far = || self.turn.wake_at.is_none_or(|at| at.since(self.now()) > LINGER);
        outstanding.attempts.is_empty()
            && outstanding.jobs.is_empty()
            && (self.state.next_ready().is_none() || self.shared.runs.in_memory() > CROWD)
            && far()
    }

    fn pause(&self) -> Duration {
        let due = self.turn.wake_at.map(|at| at.since(self.now()));
        due.map_or(LINGER, |due| due.clamp(Duration::from_millis(1), LINGER))
    }
}
