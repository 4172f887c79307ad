//! What must be going on, derived from the state alone: after a restart nothing else is known.

use vocab::{StepPath, WorkerId};

use super::compensate::Wanted;
use super::state::RunState;
use super::view::EffectView;
use super::{Command, EffectPhase, Event, Wait};

impl RunState {
    /// Every command that follows from the state and is not answered yet. After a restart: first record the
    /// [lost attempts](RunState::lost_attempts), decide to the fixpoint, then carry these out.
    pub fn outstanding(&self) -> Vec<Command> {
        let cancels = self.facts.running.iter().filter_map(|&slot| {
            let instance = self.instance(slot);
            self.halt_of(slot.step).map(|because| Command::CancelAttempt {
                path: self.path(slot),
                attempt: instance.attempt,
                token: instance.token,
                because,
            })
        });
        let effects = self.facts.live.iter().filter_map(|&number| {
            let facts = self.effect(number);
            match facts.phase {
                EffectPhase::Intended if self.wanted(number) != Wanted::Leave => {
                    Some(Command::ProbeEffect { effect: self.effect_id(number) })
                }
                EffectPhase::Undoing => Some(self.undo_command(number)),
                _ => None,
            }
        });
        let waits = self.facts.waiting.iter().filter_map(|&slot| {
            let Wait::Run { run, workflow } = &self.instance(slot).waiting.as_ref()?.wait else {
                return None;
            };
            let (run, bound) = (*run, self.is_bound(slot));
            let start = || Command::StartRun { path: self.path(slot), run, workflow: workflow.clone() };
            let halted = self.halt_of(slot.step).is_some();
            bound.then(|| if halted { Command::CancelRun { run } } else { start() })
        });
        cancels.chain(waits).chain(effects).collect()
    }

    /// The events that record the loss of every attempt whose worker is not alive.
    pub fn lost_attempts(&self, alive: impl Fn(WorkerId) -> bool) -> Vec<Event> {
        self.running()
            .filter(|attempt| !alive(attempt.worker))
            .map(|attempt| Event::AttemptLost {
                path: attempt.path,
                attempt: attempt.attempt,
                token: attempt.token,
            })
            .collect()
    }

    /// Effects of the step instance that were written down and are neither made nor absent for certain.
    pub fn open_intents(&self, path: &StepPath) -> Vec<EffectView<'_>> {
        let Some(slot) = self.slot(path) else { return Vec::new() };
        let open = |number: &&u32| self.effect(**number).phase.is_open();
        self.instance(slot).effects.iter().filter(open).map(|&number| self.effect_view(number)).collect()
    }
}
