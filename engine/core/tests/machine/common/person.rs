//! People in a simulation: what they say when a step is paused, and whether they hold the run.

use engine_core::run::{Decided, Event, RunState};
use vocab::{Outputs, StepPath, Value};

use super::draw::Draw;

/// What a person says about a paused step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Retry,
    Skip,
    Bypass,
    GiveUp,
}

impl Verdict {
    /// What is said about the step when it is paused for the `nth` time, from 0. Nobody tries for ever.
    pub(crate) fn of(seed: u64, path: &str, nth: usize) -> Self {
        let draw = Draw::new(seed, &format!("person {path} {nth}")).below(5);
        match draw {
            0 => Self::Skip,
            1 => Self::Bypass,
            2 | 3 if nth < 2 => Self::Retry,
            _ => Self::GiveUp,
        }
    }

    /// The same of a step that never started: it cannot be tried again.
    pub(crate) fn without_retry(self) -> Self {
        if self == Self::Retry { Self::GiveUp } else { self }
    }

    /// The event that records it.
    pub(crate) fn event(self, state: &RunState, path: &StepPath) -> Event {
        let event = match self {
            Self::Retry => state.retry_paused(path, decided()),
            Self::Skip => state.skip_paused(path, decided()),
            Self::Bypass => state.bypass_paused(path, supplied(state, path), decided()),
            Self::GiveUp => state.give_up_paused(path, decided()),
        };
        event.unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

pub(crate) fn decided() -> Decided {
    Decided { by: "somebody".into(), reason: "it had to be".into() }
}

/// Outputs of the test's action; lists of two where a whole expansion is bypassed.
fn supplied(state: &RunState, path: &StepPath) -> Outputs {
    let items = Value::List(vec![1.into(), 2.into()]);
    let plan = state.plan();
    let position = plan.position(path.root()).unwrap();
    let whole = path.segments()[0].instance.is_none() && plan.step(position).expands();
    let twice = |value: Value| if whole { Value::List(vec![value.clone(), value]) } else { value };
    Outputs::from([("number".to_owned(), twice(8.into())), ("items".to_owned(), twice(items))])
}
