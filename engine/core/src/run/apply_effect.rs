//! What events about effects change: the run's journal.

use vocab::Timestamp;

use super::facts::{EffectFacts, Slot, Timer};
use super::state::RunState;
use super::{
    EffectId, EffectPhase, Event, EventKind, IllegalTransition, Release, RunPhase, StepPhase, next_effect,
};

impl RunState {
    pub(crate) fn apply_to_effect(
        &mut self,
        seq: u64,
        at: Timestamp,
        event: &Event,
    ) -> Result<(), IllegalTransition> {
        let kind = event.kind();
        match event {
            Event::EffectIntended { .. } => self.intended(seq, event)?,
            Event::EffectMade { effect, handle, token } => {
                let (number, phase) = self.told_to(effect, *token, kind)?;
                self.effect_mut(number).handle = Some(handle.clone());
                self.move_effect(number, phase);
            }
            Event::EffectAbsent { effect, token } => {
                let (number, phase) = self.told_to(effect, *token, kind)?;
                self.move_effect(number, phase);
            }
            Event::EffectUncertain { effect, .. } => {
                let (number, phase) = self.told_to(effect, None, kind)?;
                self.move_effect(number, phase);
            }
            Event::EffectsReleased { effects, reason } => self.released(effects, reason)?,
            Event::UndoStarted { effect, nth } => {
                let (number, phase) = self.effect_to(effect, kind)?;
                if *nth != self.effect(number).tries + 1 {
                    return Err(self.effect_misfit(number, kind));
                }
                let facts = self.effect_mut(number);
                facts.tries = *nth;
                if let Some(due) = facts.retry_at.take() {
                    self.facts.timers.remove(&(due, Timer::Undo(number)));
                }
                self.move_effect(number, phase);
            }
            Event::EffectUndone { effect } => {
                let (number, phase) = self.effect_to(effect, kind)?;
                self.effect_mut(number).error = None;
                self.note_compensation(number);
                self.move_effect(number, phase);
            }
            Event::EffectSuperseded { effect, found } => {
                let (number, phase) = self.effect_to(effect, kind)?;
                self.effect_mut(number).found = Some(found.clone());
                self.note_compensation(number);
                self.move_effect(number, phase);
            }
            Event::UndoFailed { effect, nth, error } => {
                let (number, phase) = self.effect_to(effect, kind)?;
                if *nth != self.effect(number).tries {
                    return Err(self.effect_misfit(number, kind));
                }
                self.effect_mut(number).error = Some(error.clone());
                self.move_effect(number, phase);
            }
            Event::UndoScheduled { effect, at: due, .. } => {
                let (number, phase) = self.effect_to(effect, kind)?;
                self.wait_for_undo(number, *due);
                self.move_effect(number, phase);
            }
            Event::EffectStuck { effect, error } => {
                let (number, phase) = self.effect_to(effect, kind)?;
                self.effect_mut(number).error = Some(error.clone());
                self.facts.stuck += 1;
                let slot = self.effect(number).slot;
                self.bookkeeping(slot).stuck += 1;
                self.move_effect(number, phase);
            }
            Event::UndoRequested { effect, .. } => {
                let (number, phase) = self.effect_to(effect, kind)?;
                if self.facts.phase != RunPhase::Ended {
                    return Err(self.effect_misfit(number, kind));
                }
                self.facts.stuck -= 1;
                let slot = self.effect(number).slot;
                self.bookkeeping(slot).stuck -= 1;
                self.effect_mut(number).tries = 0;
                self.wait_for_undo(number, at);
                self.move_effect(number, phase);
            }
            _ => return Err(IllegalTransition::Missing { event: kind, subject: "no effect".to_owned() }),
        }
        Ok(())
    }

    pub(crate) fn effect(&self, number: u32) -> &EffectFacts {
        &self.facts.effects[number as usize]
    }

    /// The facts of the effect, to be changed and so to be written.
    fn effect_mut(&mut self, number: u32) -> &mut EffectFacts {
        self.changed.effects.insert(number);
        &mut self.facts.effects[number as usize]
    }

    pub(crate) fn number_of(&self, effect: &EffectId) -> Option<u32> {
        self.facts.effects.get_index_of(effect).and_then(|number| u32::try_from(number).ok())
    }

    pub(crate) fn effect_id(&self, number: u32) -> EffectId {
        let slot = self.effect(number).slot;
        match self.facts.effects.get_index(number as usize) {
            Some((id, _)) => id.clone(),
            // Numbers only come from the map itself.
            None => EffectId { path: self.path(slot), name: String::new() },
        }
    }

    /// Where an event about an effect leads.
    fn effect_to(
        &self,
        effect: &EffectId,
        event: EventKind,
    ) -> Result<(u32, EffectPhase), IllegalTransition> {
        let missing = || IllegalTransition::Missing { event, subject: format!("effect `{effect}`") };
        let number = self.number_of(effect).ok_or_else(missing)?;
        let phase = next_effect(self.effect(number).phase, event);
        phase.map(|phase| (number, phase)).ok_or_else(|| self.effect_misfit(number, event))
    }

    /// Where a word about an open intent leads: by the attempt with the lease, or by a probe while none runs.
    fn told_to(
        &self,
        effect: &EffectId,
        token: Option<u64>,
        event: EventKind,
    ) -> Result<(u32, EffectPhase), IllegalTransition> {
        let found = self.effect_to(effect, event)?;
        let instance = self.instance(self.effect(found.0).slot);
        let held = if instance.phase == StepPhase::Running { instance.token } else { 0 };
        let token = token.unwrap_or(0);
        if token == held {
            return Ok(found);
        }
        let subject = format!("effect `{effect}`");
        Err(IllegalTransition::Stale { event, subject, held, found: token })
    }

    fn effect_misfit(&self, number: u32, event: EventKind) -> IllegalTransition {
        let subject = format!("effect `{}`", self.effect_id(number));
        IllegalTransition::Phase { event, subject, from: self.effect(number).phase.name() }
    }

    fn intended(&mut self, seq: u64, event: &Event) -> Result<(), IllegalTransition> {
        let Event::EffectIntended { effect, action, intent, attempt, token } = event else { return Ok(()) };
        let kind = event.kind();
        let missing =
            || IllegalTransition::Missing { event: kind, subject: format!("step `{}`", effect.path) };
        let slot = self.slot(&effect.path).ok_or_else(missing)?;
        let instance = self.instance(slot);
        let held = if instance.phase == StepPhase::Running { instance.token } else { 0 };
        if (held, instance.attempt) != (*token, *attempt) {
            let subject = format!("step `{}`", effect.path);
            return Err(IllegalTransition::Stale { event: kind, subject, held, found: *token });
        }
        let known = self.number_of(effect);
        let from = known.map_or(EffectPhase::Unknown, |number| self.effect(number).phase);
        let Some(phase) = next_effect(from, kind) else {
            let subject = format!("effect `{effect}`");
            return Err(IllegalTransition::Phase { event: kind, subject, from: from.name() });
        };
        let facts = EffectFacts {
            slot,
            phase,
            action: action.clone(),
            intent: intent.clone(),
            handle: None,
            attempt: *attempt,
            seq,
            tries: 0,
            retry_at: None,
            error: None,
            found: None,
        };
        let (index, _) = self.facts.effects.insert_full(effect.clone(), facts);
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        self.changed.effects.insert(number);
        self.facts.live.insert(number);
        self.facts.steps[slot.step as usize].live += 1;
        self.bookkeeping(slot).effects.push(number);
        Ok(())
    }

    fn released(&mut self, effects: &[EffectId], reason: &Release) -> Result<(), IllegalTransition> {
        let kind = EventKind::EffectsReleased;
        let moves: Vec<_> =
            effects.iter().map(|effect| self.effect_to(effect, kind)).collect::<Result<_, _>>()?;
        if let (Release::Finally, false) = (reason, self.facts.phase == RunPhase::Finalizing) {
            let subject = "the run".to_owned();
            return Err(IllegalTransition::Phase { event: kind, subject, from: self.facts.phase.name() });
        }
        for (number, phase) in moves {
            self.facts.to_release.remove(&number);
            self.move_effect(number, phase);
        }
        Ok(())
    }

    fn wait_for_undo(&mut self, number: u32, due: Timestamp) {
        self.effect_mut(number).retry_at = Some(due);
        self.facts.timers.insert((due, Timer::Undo(number)));
    }

    /// Undoing before a retry is housekeeping; undoing after an end is compensation.
    fn note_compensation(&mut self, number: u32) {
        if self.instance(self.effect(number).slot).phase == StepPhase::Ended {
            self.facts.compensated = true;
        }
    }

    /// Sets the phase, and lets whoever waits for it know.
    fn move_effect(&mut self, number: u32, phase: EffectPhase) {
        let facts = self.effect_mut(number);
        let was_live = facts.phase.is_live();
        facts.phase = phase;
        let slot = facts.slot;
        self.dirty.effects.insert(number);
        self.mark_step(slot);
        match (was_live, phase.is_live()) {
            (true, false) => self.settle_effect(number, slot),
            (false, true) => {
                let step = &self.facts.steps[slot.step as usize];
                if self.goes_back() && step.live == 0 && step.unclear_followers == 0 {
                    self.unclear(slot.step);
                }
                self.facts.live.insert(number);
                self.facts.steps[slot.step as usize].live += 1;
                self.bookkeeping(slot).effects.push(number);
            }
            _ => self.mark_turn(slot),
        }
    }

    /// Nothing is left to decide about the effect: the next one of its instance has its turn, or the steps before.
    fn settle_effect(&mut self, number: u32, slot: Slot) {
        self.facts.live.remove(&number);
        self.bookkeeping(slot).effects.retain(|other| *other != number);
        let step = &mut self.facts.steps[slot.step as usize];
        step.live -= 1;
        let clear = step.live == 0 && step.unclear_followers == 0;
        if clear && self.goes_back() {
            self.clear(slot.step);
        } else {
            self.mark_turn(slot);
        }
    }

    /// Has the effects of the instance looked at whose turn to be undone it may be now: the last that is to be undone,
    /// and the last of which nobody knows whether it is there.
    pub(crate) fn mark_turn(&mut self, slot: Slot) {
        let effects = &self.instance(slot).effects;
        let last = |phases: &[EffectPhase]| {
            effects.iter().rev().find(|number| phases.contains(&self.effect(**number).phase)).copied()
        };
        let waiting = last(&[EffectPhase::Uncertain, EffectPhase::Made, EffectPhase::UndoWaiting]);
        let uncertain = last(&[EffectPhase::Uncertain]);
        self.dirty.effects.extend(waiting.into_iter().chain(uncertain));
    }

    /// Has the live effects of the instance looked at.
    pub(crate) fn mark_effects_of(&mut self, slot: Slot) {
        let step = &self.facts.steps[slot.step as usize];
        self.dirty.effects.extend(&step.instance(slot).unwrap_or(&step.own).effects);
    }
}
