//! One turn of a run: events until nothing follows, attempts where there is room, and the commit of all that.
//!
//! A turn touches nothing outside: it collects what is to be written, and what is to be done once it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine_core::run::{Command, Event, IllegalTransition, Promise, ReadyStep, RunState};
use engine_ports::{Answer as Reply, Claim, Commit, EventRecord, Lease, LeaseChange, MemoEntry, RunRow};
use vocab::{ActionRef, EffectState, Inputs, RunId, StepPath, TenantName, Timestamp, WorkerId};

use super::flight::Landing;
use super::project;
use crate::attempt::Leash;
use crate::dispatch::{Slot, Slots};

/// An attempt that the turn grants; it starts when the turn is durable.
pub(super) struct Grant {
    pub(super) path: StepPath,
    pub(super) attempt: u32,
    pub(super) token: u64,
    pub(super) action: ActionRef,
    pub(super) inputs: Inputs,
    pub(super) timeout: std::time::Duration,
    pub(super) cache: bool,
    pub(super) promise: Promise,
    pub(super) leash: Arc<Leash>,
    pub(super) slot: Slot,
}

/// Who holds the leases that a turn grants.
#[derive(Clone, Copy)]
pub(super) struct Holder {
    pub(super) run: RunId,
    pub(super) worker: WorkerId,
    pub(super) until: Timestamp,
}

/// What steps that may start are missing.
#[derive(Debug, Default)]
pub(super) struct Lack {
    /// A slot.
    pub(super) slot: bool,
    /// Room for another attempt of these actions.
    pub(super) actions: BTreeSet<ActionRef>,
}

/// Called when it is known whether the turn is durable.
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// What a turn has come to so far.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) events: Vec<EventRecord>,
    pub(super) commands: Vec<Command>,
    leases: BTreeMap<StepPath, LeaseChange>,
    pub(super) memos: Vec<MemoEntry>,
    /// Slots in hand: of attempts that ended in this turn, or offered.
    pub(super) slots: Vec<Slot>,
    pub(super) grants: Vec<Grant>,
    /// Attempts that were granted and that began already.
    pub(super) ahead: Vec<Arc<Leash>>,
    /// Tokens of the attempts whose reports are in this turn.
    pub(super) ended: Vec<u64>,
    /// Answers to requests of other processes: they are written with the events.
    pub(super) replies: Vec<Reply>,
    /// Called once the turn is durable; dropped when it is not.
    pub(super) answers: Vec<Answer>,
    pub(super) wake_at: Option<Timestamp>,
}

impl Turn {
    /// Applies an event and takes it into the turn.
    pub(super) fn record(
        &mut self,
        state: &mut RunState,
        now: Timestamp,
        event: &Event,
    ) -> Result<(), IllegalTransition> {
        let (seq, at) = (state.seq() + 1, state.clock(now));
        state.apply(seq, at, event)?;
        if let Event::AttemptSucceeded { path, token, .. }
        | Event::AttemptFailed { path, token, .. }
        | Event::AttemptLost { path, token, .. }
        | Event::AttemptCancelled { path, token, .. } = event
        {
            let drop = LeaseChange::Drop { path: path.clone(), token: *token };
            self.leases.insert(path.clone(), drop);
        }
        let (kind, v, payload) = event.to_parts();
        self.events.push(EventRecord { seq, at, kind: kind.to_owned(), v, payload });
        Ok(())
    }

    /// Decides until nothing follows. Every event of a decision fits, unless the core contradicts itself.
    pub(super) fn settle(&mut self, state: &mut RunState, now: Timestamp) -> Result<(), IllegalTransition> {
        loop {
            let decision = state.decide(now);
            self.commands.extend(decision.commands);
            self.wake_at = decision.wake_at;
            if decision.events.is_empty() {
                return Ok(());
            }
            for event in &decision.events {
                self.record(state, now, event)?;
            }
        }
    }

    /// Grants what is ready, as far as there is room for it; what of it found none.
    pub(super) fn grant(
        &mut self,
        state: &mut RunState,
        now: Timestamp,
        holder: Holder,
        slots: &Slots,
        tenant: &TenantName,
    ) -> Result<Lack, IllegalTransition> {
        let mut lack = Lack::default();
        loop {
            let mut fits = |action: &ActionRef| {
                let fits = !lack.actions.contains(action) && slots.has_room(action);
                if !fits {
                    lack.actions.insert(action.clone());
                }
                fits
            };
            let Some(ready) = state.ready().find(|ready| fits(ready.action)) else { return Ok(lack) };
            let Some(slot) = self.slots.pop().or_else(|| slots.take(tenant)) else {
                lack.slot = true;
                return Ok(lack);
            };
            if !slot.begin(ready.action) {
                // Another run was faster.
                lack.actions.insert(ready.action.clone());
                self.slots.push(slot);
                continue;
            }
            let ReadyStep { path, attempt, action, inputs, timeout, cacheable, promise, .. } = &ready;
            let event = ready.start(holder.worker);
            let mut grant = Grant {
                path: path.clone(),
                attempt: *attempt,
                token: 0,
                action: (*action).clone(),
                inputs: (*inputs).clone(),
                timeout: *timeout,
                cache: *cacheable,
                promise: promise.clone(),
                leash: Arc::default(),
                slot,
            };
            drop(ready);
            self.record(state, now, &event)?;
            grant.token = state.seq();
            let lease = Lease {
                run: holder.run,
                path: grant.path.clone(),
                attempt: grant.attempt,
                worker: holder.worker,
                token: grant.token,
                expires_at: holder.until,
            };
            self.leases.insert(grant.path.clone(), LeaseChange::Grant(lease));
            self.grants.push(grant);
        }
    }

    /// All that must be written, together, and what follows once it is. Another turn begins.
    pub(super) fn take_off(
        &mut self,
        state: &mut RunState,
        before: &RunRow,
        claim: Option<Claim>,
    ) -> (Commit, Landing) {
        let next = Self { wake_at: self.wake_at, ..Self::default() };
        let this = std::mem::replace(self, next);
        let run = before.id;
        let commit = Commit {
            run: project::run_row(state, before),
            expected_seq: before.seq,
            events: this.events,
            steps: state.changed_steps().map(|step| project::step_row(run, &step)).collect(),
            effects: state.changed_effects().map(|effect| project::effect_record(run, &effect)).collect(),
            leases: this.leases.into_values().collect(),
            memos: this.memos,
            claim,
            answers: this.replies,
        };
        let released = state.changed_effects().filter(|view| view.state == EffectState::Released);
        let landing = Landing {
            row: commit.run.clone(),
            released: released.filter_map(|view| view.child).collect(),
            ended: this.ended,
            ahead: this.ahead,
            answers: this.answers,
            grants: this.grants,
            commands: this.commands,
        };
        // Should the commit fail, the run is read anew: nothing else knows what was written.
        state.mark_saved();
        (commit, landing)
    }
}
