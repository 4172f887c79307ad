//! The actor of one run: turn after turn, each durable before anything outside sees it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use engine_core::run::{Command, EffectId, Event, IllegalTransition, RunState};
use engine_ports::{Commit, EffectRecord, Notice, RunRow, StoreError};
use futures::FutureExt as _;
use tokio::sync::mpsc;
use vocab::{Compensation, RunId, Timestamp};

use super::ask::Ask;
use super::children;
use super::flight::{Flight, Landing};
use super::load::Loaded;
use super::message::Message;
use super::meta::RunMeta;
use super::own_time::Lead;
use super::project;
use super::turn::{Holder, Turn};
use crate::attempt::{Leash, Stop};
use crate::claims;
use crate::shared::Shared;

/// Messages that one turn, and so one commit, takes up.
const TURN_MESSAGES: usize = 64;
/// Events that may wait for the commit before them; then the run takes no more messages until that is durable.
const AHEAD: usize = 1024;
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
    /// Another process may drive the run by now.
    #[error("another process may drive the run")]
    Disowned,
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
    pub(super) row: RunRow,
    pub(super) meta: Arc<RunMeta>,
    /// What has happened and is not on its way to the disk yet.
    pub(super) turn: Turn,
    /// What is on its way: at most one commit of a run, so that its events are written in order.
    in_flight: Option<Flight>,
    committed: bool,
    lead: Lead,
}

impl Actor {
    pub(super) fn new(shared: &Arc<Shared>, run: RunId, loaded: Loaded) -> Self {
        let Loaded { state, row } = loaded;
        let meta = Arc::new(RunMeta::of(&row));
        let lead = shared.runs.lead(run, Lead::of(&state, shared.clock.now()));
        let (shared, turn) = (Arc::clone(shared), Turn::default());
        Self { shared, run, state, row, meta, turn, in_flight: None, committed: false, lead }
    }

    /// The time in the run.
    pub(super) fn now(&self) -> Timestamp {
        self.lead.time(self.shared.clock.now())
    }

    /// Turn after turn, until nothing is outstanding or the engine stops.
    pub(super) async fn work(
        &mut self,
        mailbox: &mut mpsc::Receiver<Message>,
        outstanding: &mut Outstanding,
    ) -> Result<(), Broken> {
        let hold = self.shared.hold(self.run);
        self.recover(outstanding)?;
        loop {
            if hold.is_none() || self.shared.hold(self.run) != hold {
                return Err(Broken::Disowned);
            }
            self.follow()?;
            self.depart(outstanding);
            if self.is_idle(outstanding) {
                let until = self.turn.wake_at.map(|at| self.lead.reached(at));
                if self.row.is_over() {
                    self.shared.runs.forget_time(self.run);
                }
                if self.state.next_ready().is_none() {
                    self.shared.slots.forget(self.run);
                }
                if self.shared.runs.leave(self.run, mailbox, until) {
                    if self.row.is_over() {
                        claims::release(&self.shared, self.run);
                    }
                    return Ok(());
                }
            }
            let (pause, room) = (self.pause(), self.turn.events.len() < AHEAD);
            let landed = async {
                match &mut self.in_flight {
                    Some(flight) => flight.landed().await,
                    None => std::future::pending().await,
                }
            };
            let message = tokio::select! {
                biased;
                () = self.shared.stopped.cancelled() => None,
                landed = landed => {
                    landed?;
                    self.arrive(outstanding);
                    continue;
                }
                message = mailbox.recv(), if room => message,
                () = tokio::time::sleep(pause) => Some(Message::Wake),
            };
            let Some(message) = message else { return self.end(outstanding).await };
            self.take(message, outstanding)?;
            for _ in 1..TURN_MESSAGES {
                let Ok(message) = mailbox.try_recv() else { break };
                self.take(message, outstanding)?;
            }
        }
    }

    /// After a start or a failure: what runs and what must be going on, compared with what this process does.
    ///
    /// Who drives a run executes all of it: an attempt that this process does not execute is lost, whoever it was
    /// granted to.
    fn recover(&mut self, outstanding: &mut Outstanding) -> Result<(), IllegalTransition> {
        let running: Vec<_> = self.state.running().collect();
        outstanding.attempts.retain(|token, leash| {
            let held = running.iter().any(|attempt| attempt.token == *token);
            if !held {
                leash.stop(Stop::Lost);
            }
            held
        });
        let lost = running.iter().filter(|attempt| !outstanding.attempts.contains_key(&attempt.token));
        for attempt in lost {
            let (path, number, token) = (attempt.path.clone(), attempt.attempt, attempt.token);
            self.record(&Event::AttemptLost { path, attempt: number, token })?;
        }
        self.follow()?;
        self.turn.commands.extend(self.state.outstanding());
        if let Some(parent) = self.parent().filter(|_| self.state.compensation() == Compensation::Held) {
            self.shared.tasks.spawn(children::ask_parent(Arc::clone(&self.shared), parent, self.row.clone()));
        }
        Ok(())
    }

    pub(super) fn record(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        let now = self.now();
        self.turn.record(&mut self.state, now, event)
    }

    /// Starts what may run ahead of the disk, and sends the turn on its way once the one before has arrived.
    ///
    /// This is the output-commit rule: what the outside can see (an effect, an answer, a notice, a tool) waits for
    /// the disk. Pure steps in process do not; what they come to is committed in order and in groups, and when a crash
    /// takes it, they run again and nobody can tell.
    fn depart(&mut self, outstanding: &mut Outstanding) {
        let actions = &self.shared.actions;
        let ahead = self.turn.grants.extract_if(.., |grant| {
            actions.get(&grant.action).is_some_and(|action| action.manifest().may_run_ahead())
        });
        for grant in ahead.collect::<Vec<_>>() {
            self.turn.ahead.push(Arc::clone(&grant.leash));
            self.begin(grant, outstanding);
        }
        if self.in_flight.is_some() {
            return;
        }
        let (commit, landing) = self.take_off();
        if commit.events.is_empty() && commit.answers.is_empty() {
            self.land(landing, outstanding);
        } else {
            let store = Arc::clone(&self.shared.store);
            let write = async move { store.commit(commit).await }.boxed();
            self.in_flight = Some(Flight::new(write, landing));
        }
    }

    /// The commit that was on its way is durable.
    fn arrive(&mut self, outstanding: &mut Outstanding) {
        if let Some(flight) = self.in_flight.take() {
            self.land(flight.landing(), outstanding);
        }
    }

    /// The engine stops: what is on its way arrives, and nothing else leaves.
    async fn end(&mut self, outstanding: &mut Outstanding) -> Result<(), Broken> {
        if let Some(flight) = &mut self.in_flight {
            flight.landed().await?;
            self.arrive(outstanding);
        }
        Ok(())
    }

    /// All of the turn that must be written, and what follows once it is. The next turn begins.
    pub(super) fn take_off(&mut self) -> (Commit, Landing) {
        self.turn.take_off(&mut self.state, &self.row, self.shared.claim())
    }

    /// Everything up to here is durable: lets the outside see it.
    pub(super) fn land(&mut self, landing: Landing, outstanding: &mut Outstanding) {
        let Landing { row, released, ended, ahead, answers, grants, commands } = landing;
        if row.seq > self.row.seq {
            self.committed = true;
            let left = row.is_over() && !self.row.is_over();
            let over = row.status.is_terminal() && !self.row.status.is_terminal();
            self.row = row;
            self.tell_family(over, released);
            if left && self.shared.turns.concerns(&self.row) {
                self.shared.turns.wake(&self.shared, &self.row.tenant);
            }
            let (tenant, run, seq) = (self.row.tenant.clone(), self.run, self.row.seq);
            let ended = self.row.status.is_terminal();
            self.shared.bus.publish(Notice { tenant, run, seq, ended });
        }
        for leash in ahead {
            leash.grant();
        }
        for token in ended {
            outstanding.attempts.remove(&token);
        }
        for answer in answers {
            answer();
        }
        for grant in grants {
            grant.leash.grant();
            self.begin(grant, outstanding);
        }
        for command in commands {
            self.carry_out(&command, outstanding);
        }
    }

    /// Tells the run that started this one that it has ended, and those that this one started that what they made stays.
    fn tell_family(&self, over: bool, released: Vec<RunId>) {
        if let Some(parent) = self.parent().filter(|_| over) {
            let told = children::tell_parent(Arc::clone(&self.shared), parent, self.row.clone());
            self.shared.tasks.spawn(told);
        }
        for run in released {
            let (shared, tenant) = (Arc::clone(&self.shared), self.row.tenant.clone());
            let told = async move { shared.tell(&tenant, run, Ask::HoldEnded { kept: true }).await };
            self.shared.tasks.spawn(told);
        }
    }

    /// Whether a turn became durable since the run was read.
    pub(super) const fn has_committed(&self) -> bool {
        self.committed
    }

    /// Everything that follows: decisions to the fixpoint, and attempts as far as there is room.
    pub(super) fn follow(&mut self) -> Result<(), IllegalTransition> {
        let process = self.shared.clock.now();
        let now = self.lead.time(process);
        self.turn.settle(&mut self.state, now)?;
        // Leases are renewed by the time of the process.
        let holder = Holder { run: self.run, worker: self.shared.worker, until: process.plus(LEASE) };
        let (slots, tenant) = (&self.shared.slots, &self.meta.tenant);
        let before = self.turn.grants.len();
        let lack = self.turn.grant(&mut self.state, now, holder, slots, tenant)?;
        self.turn.slots.clear();
        let priority = self.state.plan().spec().priority;
        if lack.slot {
            slots.wait(self.run, tenant, priority);
        }
        for action in &lack.actions {
            slots.wait_for(action, self.run, tenant, priority);
        }
        if self.turn.grants.len() > before {
            self.turn.settle(&mut self.state, now)?;
        }
        Ok(())
    }

    /// The run that started this one.
    fn parent(&self) -> Option<RunId> {
        self.state.created().and_then(|created| created.parent.as_ref()).map(|parent| parent.run)
    }

    pub(super) fn effect(&self, effect: &EffectId) -> Option<EffectRecord> {
        self.state.effect_of(effect).map(|view| project::effect_record(self.run, &view))
    }

    /// Whether nothing happens here until a message comes, or for long. A run that only waits for a slot keeps its
    /// place in the queue without being in memory, once there are many.
    fn is_idle(&self, outstanding: &Outstanding) -> bool {
        let far = || self.turn.wake_at.is_none_or(|at| at.since(self.now()) > LINGER);
        self.in_flight.is_none()
            && outstanding.attempts.is_empty()
            && outstanding.jobs.is_empty()
            && (self.state.next_ready().is_none() || self.shared.runs.in_memory() > CROWD)
            && far()
    }

    fn pause(&self) -> Duration {
        let due = self.turn.wake_at.map(|at| at.since(self.now()));
        due.map_or(LINGER, |due| due.clamp(Duration::from_millis(1), LINGER))
    }
}
