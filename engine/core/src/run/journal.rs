//! The doors of the effect journal: what an attempt asks before and after it touches the outside.

use serde_json::Value as Json;
use vocab::StepPath;

use super::limits::{Room, check_size};
use super::report::LeaseLost;
use super::state::RunState;
use super::view::EffectView;
use super::{EffectId, EffectPhase, Event};

/// Bytes of an effect's name: many names must fit into one event.
const LONGEST_NAME: usize = 200;

/// What `begin` leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Begin<'a> {
    /// Apply this event; once it is durable, the effect may be made.
    Record(Event),
    /// The journal has it: made by an earlier attempt, or begun by this one.
    Known(EffectView<'a>),
}

/// Why the journal takes no entry. The action must stop without touching the outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalRefusal {
    /// The attempt's lease is over.
    #[error(transparent)]
    LeaseLost(#[from] LeaseLost),
    /// The run was cancelled or its time ran out: nothing new is made.
    #[error("the run is being stopped, so that step `{0}` may not begin an effect")]
    Halted(StepPath),
    /// The action's manifest declares no such effect.
    #[error("the action of step `{path}` declares no effect `{name}`")]
    Undeclared {
        /// The step instance.
        path: StepPath,
        /// The name.
        name: String,
    },
    /// The attempt tells about an effect that it has not begun, or that is settled.
    #[error("the effect `{0}` is not an open intent of this attempt")]
    NotOpen(EffectId),
    /// Intent or handle do not fit into an event.
    #[error("{0}")]
    TooLarge(String),
}

impl RunState {
    /// What the attempt with `token` gets when it wants to make the effect `name`. A name may carry a suffix behind a
    /// `:` where an action makes several effects of one kind (`tag:v1`, `tag:v2`).
    pub fn begin_effect(
        &self,
        path: &StepPath,
        token: u64,
        name: &str,
        intent: Json,
    ) -> Result<Begin<'_>, JournalRefusal> {
        let (slot, instance) = self.holder(path, token)?;
        let kind = name.split_once(':').map_or(name, |(kind, _)| kind);
        if name.len() > LONGEST_NAME {
            return Err(JournalRefusal::TooLarge(format!(
                "the name of an effect of step `{path}` has {} bytes, more than {LONGEST_NAME}",
                name.len()
            )));
        }
        if !self.plan.action(slot.step).effects.iter().any(|declared| declared == kind) {
            return Err(JournalRefusal::Undeclared {
                path: path.clone(),
                name: name.chars().take(80).collect(),
            });
        }
        let effect = EffectId { path: path.clone(), name: name.to_owned() };
        if let Some(number) = self.number_of(&effect) {
            let gone = matches!(self.effect(number).phase, EffectPhase::Undone | EffectPhase::Superseded);
            if !gone {
                return Ok(Begin::Known(self.effect_view(number)));
            }
        }
        if self.halt_of(slot.step).is_some() {
            return Err(JournalRefusal::Halted(path.clone()));
        }
        check_size(&intent, self.record_room(), || format!("the intent of effect `{effect}`"))
            .map_err(|failure| JournalRefusal::TooLarge(failure.message))?;
        let action = self.plan.step(slot.step).uses.clone();
        let attempt = instance.attempt;
        Ok(Begin::Record(Event::EffectIntended { effect, action, intent, attempt, token }))
    }

    /// The event that records that the attempt made its effect.
    pub fn effect_made(
        &self,
        path: &StepPath,
        token: u64,
        name: &str,
        handle: Json,
    ) -> Result<Event, JournalRefusal> {
        let effect = self.open_intent(path, token, name)?;
        check_size(&handle, self.record_room(), || format!("the handle of effect `{effect}`"))
            .map_err(|failure| JournalRefusal::TooLarge(failure.message))?;
        Ok(Event::EffectMade { effect, handle, token: Some(token) })
    }

    /// The event that records that the attempt certainly did not make its effect.
    pub fn effect_absent(&self, path: &StepPath, token: u64, name: &str) -> Result<Event, JournalRefusal> {
        let effect = self.open_intent(path, token, name)?;
        Ok(Event::EffectAbsent { effect, token: Some(token) })
    }

    /// Whether the journal has already what the attempt with `token` says about its effect: that it came to `handle`, or
    /// that it is not there. So it is when an answer got lost and the attempt asks once more.
    pub fn journal_has(&self, path: &StepPath, token: u64, name: &str, handle: Option<&Json>) -> bool {
        let effect = EffectId { path: path.clone(), name: name.to_owned() };
        let (Ok((_, instance)), Some(number)) = (self.holder(path, token), self.number_of(&effect)) else {
            return false;
        };
        let facts = self.effect(number);
        let phase = if handle.is_some() { EffectPhase::Made } else { EffectPhase::Undone };
        facts.attempt == instance.attempt && facts.phase == phase && facts.handle.as_ref() == handle
    }

    /// The limit of what the journal takes: it is always a row's.
    const fn record_room(&self) -> Room {
        Room { key: "event_bytes", bytes: self.facts.limits.event_bytes }
    }

    fn open_intent(&self, path: &StepPath, token: u64, name: &str) -> Result<EffectId, JournalRefusal> {
        self.holder(path, token)?;
        let effect = EffectId { path: path.clone(), name: name.to_owned() };
        let open =
            self.number_of(&effect).is_some_and(|number| self.effect(number).phase == EffectPhase::Intended);
        if open { Ok(effect) } else { Err(JournalRefusal::NotOpen(effect)) }
    }
}
