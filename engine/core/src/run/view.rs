//! The state as rows and answers show it.

use serde::Serialize;
use serde_json::Value as Json;
use vocab::{ActionRef, EffectState, Inputs, Outputs, RunId, StepPath, StepStatus, Timestamp};

use super::facts::Slot;
use super::state::RunState;
use super::{CachedFrom, Decided, EffectId, EffectPhase, Failure, Origin, RunCreated, RunPhase, StepPhase};

/// A step instance. An expanded step shows beside its instances, as what they amount to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepView<'a> {
    /// The step instance.
    pub path: StepPath,
    /// The place of its step in the workflow.
    pub position: u32,
    /// The action that it uses.
    pub action: &'a ActionRef,
    /// Where it is.
    pub status: StepStatus,
    /// Attempts that were started.
    pub attempts: u32,
    /// Who decided about it when it was paused.
    pub decided: Option<&'a Decided>,
    /// Where its outputs come from when they were computed earlier.
    pub cached: Option<&'a CachedFrom>,
    /// Where it ended, when it was taken over from another run.
    pub taken_over: Option<&'a CachedFrom>,
    /// Its outputs.
    pub outputs: &'a Outputs,
    /// Why it did not succeed.
    pub error: Option<&'a Failure>,
    /// Whether the workflow allows its failure.
    pub allowed: bool,
    /// When it became ready.
    pub ready_at: Option<Timestamp>,
    /// When its first attempt started.
    pub started_at: Option<Timestamp>,
    /// When the next attempt may start.
    pub retry_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// An effect: with the run's id, enough for any process to undo it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectView<'a> {
    /// Its name within the run.
    pub id: EffectId,
    /// Action and version that made it and can undo it.
    pub action: &'a ActionRef,
    /// What the action meant to do.
    pub intent: &'a Json,
    /// What came of it.
    pub handle: Option<&'a Json>,
    /// Where it is in its life.
    pub state: EffectState,
    /// The attempt that began it, from 1.
    pub attempt: u32,
    /// Its place in the run's journal.
    pub seq: u64,
    /// Tries to undo it.
    pub tries: u32,
    /// What the last try to undo it met.
    pub error: Option<&'a Failure>,
    /// The run that it stands for, where that is what it is.
    pub child: Option<RunId>,
    /// What was there instead of it.
    pub found: Option<&'a str>,
}

impl RunState {
    /// The run's id; none before its first event.
    pub fn run(&self) -> Option<RunId> {
        self.created().map(|created| created.run)
    }

    /// The run's first event.
    pub fn created(&self) -> Option<&RunCreated> {
        self.facts.created.as_deref()
    }

    /// What started the run.
    pub fn origin(&self) -> Option<&Origin> {
        self.created().map(|created| &created.origin)
    }

    /// The run's inputs.
    pub fn inputs(&self) -> Option<&Inputs> {
        self.created().map(|created| &created.inputs)
    }

    /// The run's outputs, once its body succeeded.
    pub fn outputs(&self) -> Option<&Outputs> {
        self.facts.verdict.as_ref().map(|verdict| &verdict.outputs)
    }

    /// Why the run did not succeed, in a sentence.
    pub fn error(&self) -> Option<&str> {
        self.facts.end.as_ref().or(self.facts.verdict.as_ref()).and_then(|verdict| verdict.error.as_deref())
    }

    /// When the run was accepted.
    pub const fn created_at(&self) -> Option<Timestamp> {
        self.facts.created_at
    }

    /// When the run ended.
    pub const fn finished_at(&self) -> Option<Timestamp> {
        self.facts.finished_at
    }

    /// The step instance at `path`.
    pub fn step(&self, path: &StepPath) -> Option<StepView<'_>> {
        self.slot(path).map(|slot| self.step_view(slot))
    }

    /// Where the run is, in the words of its state machine.
    pub const fn phase(&self) -> RunPhase {
        self.facts.phase
    }

    /// Where the step instance is, in the words of its state machine.
    pub fn step_phase(&self, path: &StepPath) -> Option<StepPhase> {
        self.slot(path).map(|slot| self.instance(slot).phase)
    }

    /// Where the effect is, in the words of its state machine.
    pub fn effect_phase(&self, id: &EffectId) -> EffectPhase {
        self.number_of(id).map_or(EffectPhase::Unknown, |number| self.effect(number).phase)
    }

    /// Every step, each followed by its instances, in the order of the workflow.
    pub fn steps(&self) -> impl Iterator<Item = StepView<'_>> {
        (0..).zip(&self.facts.steps).flat_map(move |(step, facts)| {
            let instances = (0..).zip(&facts.instances);
            let numbers = std::iter::once(None).chain(instances.map(|(number, _)| Some(number)));
            numbers.map(move |instance| self.step_view(Slot { step, instance }))
        })
    }

    /// The effect called `id`.
    pub fn effect_of(&self, id: &EffectId) -> Option<EffectView<'_>> {
        self.number_of(id).map(|number| self.effect_view(number))
    }

    /// Every effect, in the order of first intents.
    pub fn effects(&self) -> impl Iterator<Item = EffectView<'_>> {
        (0..).zip(self.facts.effects.values()).map(|(number, _)| self.effect_view(number))
    }

    /// The steps that changed since [`mark_saved`](RunState::mark_saved).
    pub fn changed_steps(&self) -> impl Iterator<Item = StepView<'_>> {
        self.changed.steps.iter().map(|&slot| self.step_view(slot))
    }

    /// The effects that changed since [`mark_saved`](RunState::mark_saved).
    pub fn changed_effects(&self) -> impl Iterator<Item = EffectView<'_>> {
        self.changed.effects.iter().map(|&number| self.effect_view(number))
    }

    /// The rows are written: from here on changes count anew.
    pub fn mark_saved(&mut self) {
        self.changed.steps.clear();
        self.changed.effects.clear();
    }

    fn step_view(&self, slot: Slot) -> StepView<'_> {
        let instance = self.instance(slot);
        StepView {
            path: self.path(slot),
            position: slot.step,
            action: &self.plan.step(slot.step).uses,
            status: instance.status(),
            attempts: instance.attempt,
            decided: instance.decided.as_ref(),
            cached: instance.cached.as_ref(),
            taken_over: instance.taken_over.as_ref(),
            outputs: &instance.outputs,
            error: instance.error.as_ref(),
            allowed: instance.allowed,
            ready_at: instance.ready_at,
            started_at: instance.started_at,
            retry_at: instance.retry_at,
            finished_at: instance.finished_at,
        }
    }

    pub(crate) fn effect_view(&self, number: u32) -> EffectView<'_> {
        let facts = self.effect(number);
        let state = match facts.phase {
            EffectPhase::Unknown | EffectPhase::Intended | EffectPhase::Uncertain => EffectState::Intended,
            EffectPhase::Made if self.facts.held => EffectState::Held,
            EffectPhase::Made => EffectState::Made,
            EffectPhase::Released => EffectState::Released,
            EffectPhase::Undoing | EffectPhase::UndoFailed | EffectPhase::UndoWaiting => EffectState::Undoing,
            EffectPhase::Undone => EffectState::Undone,
            EffectPhase::Superseded => EffectState::Superseded,
            EffectPhase::Stuck => EffectState::Stuck,
        };
        EffectView {
            id: self.effect_id(number),
            action: &facts.action,
            intent: &facts.intent,
            handle: facts.handle.as_ref(),
            state,
            attempt: facts.attempt,
            seq: facts.seq,
            tries: facts.tries,
            error: facts.error.as_ref(),
            child: facts.child,
            found: facts.found.as_deref(),
        }
    }
}
