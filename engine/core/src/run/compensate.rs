//! The rules of compensation: which effects stay, which are undone, and in which order.
//!
//! - Reverse dependency order: an effect waits until all effects of the steps that come after its step are settled.
//!   Within a step instance: reverse journal order. Independent branches and instances: in parallel.
//! - An effect that cannot be undone is stuck; those before it are undone all the same.
//! - An open intent is probed before anything is decided about it. Before a retry, one that a probe cannot settle is
//!   undone.
//! - A failure that the workflow allows, or whose step says `on_failure: continue`, undoes the failed step's own effects
//!   at once; so does a person who leaves a paused step out or supplies its outputs.
//! - When only steps failed that say `on_failure: continue`, what the others made stays.
//! - When a pivot commits, all made effects are released; from there on the run goes forward.
//! - Steps with `compensate: none` and the steps under `finally` keep their effects.

use std::time::Duration;

use vocab::{Digest, ErrorClass, StepStatus, Timestamp};

use super::after::After;
use super::facts::Slot;
use super::state::RunState;
use super::{Command, EffectId, EffectPhase, Event, Release, RunPhase, StepPhase};

/// Effects that one event names at most, so that its payload stays bounded.
const NAMED: usize = 100;

/// The wait before the second try to undo an effect; doubled before each later one.
const UNDO_WAIT: Duration = Duration::from_secs(1);

/// The longest wait between two tries.
const LONGEST_UNDO_WAIT: Duration = Duration::from_secs(60);

/// What should become of an effect, as things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing yet.
    Leave,
    /// An open intent is settled: adopted when the effect is there, undone when nobody can tell.
    Resolve,
    /// It is undone.
    Undo,
}

impl RunState {
    /// What should become of the effect.
    pub(crate) fn wanted(&self, number: u32) -> Wanted {
        let effect = self.effect(number);
        if effect.phase.is_undoing() {
            return Wanted::Undo;
        }
        let slot = effect.slot;
        let step = self.plan.step(slot.step);
        let instance = self.instance(slot);
        match instance.phase {
            StepPhase::Settling => match self.after(slot) {
                After::Retry { .. } => Wanted::Resolve,
                After::Fail { .. } | After::Cancel(_) => Wanted::Leave,
            },
            StepPhase::Retrying | StepPhase::Ready | StepPhase::Paused => Wanted::Resolve,
            StepPhase::Ended => {
                let unwinding = self.facts.phase == RunPhase::Unwinding;
                let forward = self.facts.pivot_committed || self.plan.in_finally(slot.step);
                if unwinding || (instance.disowned && step.compensates && !self.plan.in_finally(slot.step)) {
                    Wanted::Undo
                } else if instance.end == Some(StepStatus::Succeeded) || (forward && step.compensates) {
                    Wanted::Resolve
                } else {
                    Wanted::Leave
                }
            }
            StepPhase::Pending | StepPhase::Expanded | StepPhase::Running => Wanted::Leave,
        }
    }

    /// Whether something has to happen to the effect before its part of the run may end.
    fn is_unresolved(&self, number: u32) -> bool {
        let phase = self.effect(number).phase;
        match self.wanted(number) {
            Wanted::Leave => false,
            Wanted::Resolve => phase.is_open(),
            Wanted::Undo => phase.is_live(),
        }
    }

    /// Whether the body, or `finally`, has to wait for effects although all its steps have ended.
    pub(crate) fn has_unresolved(&self) -> bool {
        self.facts.live.iter().any(|&number| self.is_unresolved(number))
    }

    /// Whether an effect of the instance has to be settled before its next attempt.
    pub(crate) fn blocks_retry(&self, slot: Slot) -> bool {
        let open = |phase: EffectPhase| phase.is_open() || phase.is_undoing();
        self.instance(slot).effects.iter().any(|&number| open(self.effect(number).phase))
    }

    /// Decides about one effect.
    pub(crate) fn decide_effect(
        &self,
        number: u32,
        now: Timestamp,
        events: &mut Vec<Event>,
        commands: &mut Vec<Command>,
    ) {
        let wanted = self.wanted(number);
        let facts = self.effect(number);
        let effect = || self.effect_id(number);
        let start = || Event::UndoStarted { effect: effect(), nth: facts.tries + 1 };
        match (wanted, facts.phase) {
            (Wanted::Resolve | Wanted::Undo, EffectPhase::Intended) => {
                commands.push(Command::ProbeEffect { effect: effect() });
            }
            (Wanted::Resolve | Wanted::Undo, EffectPhase::Uncertain) | (Wanted::Undo, EffectPhase::Made)
                if self.has_turn(number, wanted) =>
            {
                events.push(start());
            }
            (_, EffectPhase::Undoing) => {
                commands.push(Command::UndoEffect { effect: effect(), nth: facts.tries });
            }
            (_, EffectPhase::UndoWaiting)
                if facts.retry_at.is_some_and(|due| due <= now)
                    // What a person has tried again waits for its turn once more.
                    && (facts.tries > 0 || self.has_turn(number, Wanted::Undo)) =>
            {
                events.push(start());
            }
            (_, EffectPhase::UndoFailed) => events.push(self.after_failed_undo(number, now)),
            _ => {}
        }
    }

    fn after_failed_undo(&self, number: u32, now: Timestamp) -> Event {
        let facts = self.effect(number);
        let effect = self.effect_id(number);
        let error = facts.error.clone().unwrap_or_else(|| {
            super::Failure::new(ErrorClass::Unknown, "the try to undo it failed without a word")
        });
        let hopeless = error.class == ErrorClass::Permanent;
        if hopeless || u64::from(facts.tries) >= self.facts.limits.undo_attempts {
            return Event::EffectStuck { effect, error };
        }
        let wait =
            UNDO_WAIT.saturating_mul(1 << facts.tries.saturating_sub(1).min(16)).min(LONGEST_UNDO_WAIT);
        let at = now.plus(self.jittered(&effect.to_string(), facts.tries, wait));
        Event::UndoScheduled { effect, nth: facts.tries + 1, at }
    }

    /// A wait between three quarters of `wait` and all of it. The same for the same effect or step and attempt.
    pub(crate) fn jittered(&self, key: &str, attempt: u32, wait: Duration) -> Duration {
        let run = self.facts.created.as_ref().map(|created| created.run.to_string()).unwrap_or_default();
        let digest = Digest::of(format!("{run}/{key}#{attempt}"));
        let draw = digest.hex().bytes().take(4).fold(0_u32, |sum, byte| sum * 31 + u32::from(byte)) % 256;
        wait.saturating_mul(768 + draw) / 1024
    }

    /// Whether nothing that came after the effect has to be undone before it.
    fn has_turn(&self, number: u32, wanted: Wanted) -> bool {
        let slot = self.effect(number).slot;
        let later = self.instance(slot).effects.iter().rev().take_while(|other| **other != number);
        let mut pending = later.map(|&other| self.effect(other).phase).filter(|phase| match wanted {
            Wanted::Undo => phase.is_live(),
            Wanted::Leave | Wanted::Resolve => phase.is_open() || phase.is_undoing(),
        });
        let clear = !self.goes_back() || self.facts.steps[slot.step as usize].unclear_followers == 0;
        clear && pending.next().is_none()
    }

    /// When the unwinding begins: counts, for each step, the followers it has to wait for.
    pub(crate) fn order_unwinding(&mut self) {
        let plan = std::sync::Arc::clone(&self.plan);
        for &step in plan.order().iter().rev().filter(|step| !plan.in_finally(**step)) {
            let unclear = |follower: &u32| {
                let facts = &self.facts.steps[*follower as usize];
                facts.live > 0 || facts.unclear_followers > 0
            };
            let count = plan.followers(step).filter(unclear).count();
            self.facts.steps[step as usize].unclear_followers = u32::try_from(count).unwrap_or(u32::MAX);
        }
        self.dirty.effects.extend(&self.facts.live);
    }

    /// Whether effects are undone in the order of the whole run: while unwinding, and when stuck ones are tried again.
    pub(crate) fn goes_back(&self) -> bool {
        matches!(self.facts.phase, RunPhase::Unwinding | RunPhase::Ended)
    }

    /// After the end, an effect of the step is to be undone again: the steps before have to wait for it.
    pub(crate) fn unclear(&mut self, step: u32) {
        let plan = std::sync::Arc::clone(&self.plan);
        let mut unclear = vec![step];
        while let Some(step) = unclear.pop() {
            for need in plan.needs(step) {
                let facts = &mut self.facts.steps[need as usize];
                let was_clear = facts.live == 0 && facts.unclear_followers == 0;
                facts.unclear_followers += 1;
                if was_clear {
                    unclear.push(need);
                }
            }
        }
    }

    /// While going back: all effects of the step and of those after it are settled, so the steps before have a turn.
    pub(crate) fn clear(&mut self, step: u32) {
        let plan = std::sync::Arc::clone(&self.plan);
        let mut clear = vec![step];
        while let Some(step) = clear.pop() {
            for need in plan.needs(step) {
                let facts = &mut self.facts.steps[need as usize];
                facts.unclear_followers -= 1;
                if facts.unclear_followers > 0 {
                    continue;
                }
                if facts.live == 0 {
                    clear.push(need);
                    continue;
                }
                let instances = u32::try_from(facts.instances.len()).unwrap_or(u32::MAX);
                self.mark_turn(Slot::of_step(need));
                for number in 0..instances {
                    self.mark_turn(Slot { step: need, instance: Some(number) });
                }
            }
        }
    }

    /// The pivot succeeded: what is made now stays, except what an allowed failure is about to undo.
    pub(crate) fn commit_pivot(&mut self) {
        self.facts.pivot_committed = true;
        let stays = |number: &u32| {
            self.effect(*number).phase == EffectPhase::Made && self.wanted(*number) != Wanted::Undo
        };
        self.facts.to_release = self.facts.live.iter().copied().filter(stays).collect();
        // Open intents of failed steps waited for an unwinding that will not come.
        self.dirty.effects.extend(&self.facts.live);
    }

    /// The releases that a committed pivot owes.
    pub(crate) fn decide_pivot(&self, events: &mut Vec<Event>) {
        if self.facts.to_release.is_empty() {
            return;
        }
        self.release(self.facts.to_release.iter().copied().collect(), &self.pivot(), events);
    }

    fn pivot(&self) -> Release {
        let pivot = self.plan.steps().find(|(_, step)| step.pivot).map(|(_, step)| step.name.clone());
        Release::Pivot(pivot.unwrap_or_default())
    }

    /// The body is over: releases what stays, then unwinds what does not. `false` when there is nothing of either.
    pub(crate) fn decide_closing(&self, events: &mut Vec<Event>) -> bool {
        let succeeded =
            self.facts.verdict.as_ref().is_some_and(|verdict| verdict.status == vocab::RunStatus::Succeeded);
        // Every failure left what others made alone, and undid its own.
        let continued =
            self.facts.first_failure.is_some() && !self.facts.must_undo && self.facts.halt.is_none();
        let stays = |number: &u32| {
            succeeded
                || continued
                || self.facts.pivot_committed
                || !self.plan.step(self.effect(*number).slot.step).compensates
        };
        let (stay, mut go): (Vec<u32>, Vec<u32>) = self.facts.live.iter().partition(|number| stays(number));
        if !stay.is_empty() {
            let reason = match (succeeded, self.facts.pivot_committed, continued) {
                (true, _, _) => Release::Succeeded,
                (false, true, _) => self.pivot(),
                (false, false, true) => Release::Continued,
                (false, false, false) => Release::Kept,
            };
            self.release(stay, &reason, events);
            return true;
        }
        if go.is_empty() {
            return false;
        }
        go.sort_by_key(|&number| {
            let effect = self.effect(number);
            std::cmp::Reverse((self.plan.rank(effect.slot.step), effect.seq))
        });
        let order = go.iter().take(NAMED).map(|&number| self.effect_id(number)).collect();
        events.push(Event::UnwindingStarted { effects: go.len() as u64, order });
        true
    }

    /// `finally` is over: what it made stays. `false` when it made nothing.
    pub(crate) fn decide_finally_effects(&self, events: &mut Vec<Event>) -> bool {
        self.release(self.facts.live.iter().copied().collect(), &Release::Finally, events);
        !self.facts.live.is_empty()
    }

    fn release(&self, effects: Vec<u32>, reason: &Release, events: &mut Vec<Event>) {
        let effects: Vec<EffectId> = effects.into_iter().map(|number| self.effect_id(number)).collect();
        for part in effects.chunks(NAMED) {
            events.push(Event::EffectsReleased { effects: part.to_vec(), reason: reason.clone() });
        }
    }
}
