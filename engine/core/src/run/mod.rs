//! One run: its events, its state, and what follows from it.

mod after;
mod apply;
mod apply_effect;
mod apply_step;
mod command;
mod compensate;
mod decide;
mod effect_id;
mod event;
mod facts;
mod failure;
mod gate;
mod journal;
mod limits;
mod person;
mod promise;
mod ready;
mod recover;
mod report;
mod scope;
mod state;
mod take_over;
mod transition;
mod view;
mod wait;
mod wire;

pub use apply::IllegalTransition;
pub use command::Command;
pub use decide::Decision;
pub use effect_id::EffectId;
pub use event::{
    CacheKey, CachedFrom, Decided, Event, Halt, NotReached, Origin, Outside, Parent, Release, RunCreated,
    SkipReason,
};
pub use failure::Failure;
pub use journal::{Begin, JournalRefusal};
pub use limits::RunLimits;
pub use person::DecisionRefused;
pub use promise::Promise;
pub use ready::ReadyStep;
pub use report::{LeaseLost, Report, RunningAttempt};
pub use state::RunState;
pub use take_over::{Again, TakeOverRefused};
pub use transition::{EffectPhase, RunPhase, StepPhase, Transition, next_effect, next_run, next_step};
pub use view::{EffectView, StepView};
pub use wait::{ChildEnd, Wait, WaitRefused};
pub use wire::{EventKind, UnknownEvent};
