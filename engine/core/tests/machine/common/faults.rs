//! What goes wrong in a simulation: a person interferes, or the driver dies.

use engine_core::plan::Plan;

use super::draw::Draw;

/// When somebody interferes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Interference {
    Never,
    /// Cancels before anything has started.
    Queued,
    /// Cancels when the first attempt of this step starts.
    OnStartOf(String),
    /// This step hangs until the run's time runs out.
    DeadlineIn(String),
    /// Cancels while effects are being undone.
    Unwinding,
    /// Cancels while `finally` runs.
    Finalizing,
    /// Holds the run when the first attempt of this step starts, and lets it go on once nothing is under way.
    Holding(String),
    /// The same, and cancels it while it is held.
    HoldingThenCancel(String),
    /// Holds the run while `finally` runs.
    HoldingFinally,
    /// Cancels while a step waits for a person.
    WhenAwaiting,
    /// Cancels while nobody knows about an effect, and another one has to be settled before it.
    WhenUncertain,
}

impl Interference {
    pub(crate) fn of(seed: u64, plan: &Plan) -> Self {
        let mut draw = Draw::new(seed, "interference");
        let kind = draw.below(100);
        let steps = plan.spec().steps.len() as u64;
        let step = plan.spec().steps[usize::try_from(draw.below(steps)).unwrap()].name.clone();
        match kind {
            0..3 => Self::Queued,
            3..18 => Self::OnStartOf(step),
            18..28 => Self::DeadlineIn(step),
            28..34 => Self::Unwinding,
            34..44 => Self::Finalizing,
            44..48 => Self::Holding(step),
            48..50 => Self::HoldingThenCancel(step),
            50..53 => Self::HoldingFinally,
            53..56 => Self::WhenAwaiting,
            _ => Self::Never,
        }
    }
}

/// Where the driver dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    Never,
    /// When the outside has changed, but event number so-and-so is not written.
    Before(u64),
    /// When event number so-and-so is written, and nothing after it.
    After(u64),
}
