//! The outside of a simulation: what was really made and undone, whatever the engine believes.

use std::collections::BTreeMap;

use engine_core::run::EffectId;
use vocab::{ErrorClass, RunId};

use super::draw::Draw;

/// What exists outside. Survives every crash.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// Whether the effect is there, for each that was ever made.
    pub(crate) there: BTreeMap<EffectId, bool>,
    /// Runs that steps have started, and whether each has ended.
    pub(crate) children: BTreeMap<RunId, bool>,
    /// Whether a person has repaired what kept effects stuck.
    pub(crate) repaired: bool,
}

/// What a step instance does when it is executed. Follows from the seed and the path alone, so that it is the same
/// whatever crashes.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
pub(crate) struct Behaviour {
    /// The effects it makes, one after the other.
    pub(crate) effects: Vec<(&'static str, Making)>,
    /// How many attempts fail before one succeeds.
    pub(crate) failures: u32,
    /// With which class.
    pub(crate) class: ErrorClass,
    /// Whether its failures are timeouts.
    pub(crate) times_out: bool,
    /// Virtual milliseconds that one of its moves takes.
    pub(crate) pace: i64,
    /// The worker of its first attempt falls silent and is given up; its late report must be refused.
    pub(crate) falls_silent: bool,
    /// It breaks its promise about outputs.
    pub(crate) breaks_promise: bool,
    /// How it answers when it is told to stop: cancelled, failed, or too late with success.
    pub(crate) on_cancel: u64,
    /// It claims that its outputs came from the cache, and makes no effects.
    pub(crate) cached: bool,
}

/// How an effect is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Making {
    /// Made and said so.
    Properly,
    /// Made, but the action never says so.
    Silently,
    /// Not made, and the action never says so.
    Forgotten,
    /// Not made, and said so.
    Given,
}

/// How undoing an effect goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undoing {
    /// It works once so many tries have failed.
    WorksAfter(u32),
    /// It never works until somebody repairs it.
    NeverUntilRepaired,
    /// It can never work, and says so.
    Hopeless,
    /// Somebody else has changed it.
    Superseded,
}

impl Behaviour {
    pub(crate) fn of(seed: u64, path: &str) -> Self {
        let mut draw = Draw::new(seed, path);
        let mut effects = Vec::new();
        for name in ["first", "second"] {
            match draw.below(10) {
                0..4 => effects.push((name, Making::Properly)),
                4 => effects.push((name, Making::Silently)),
                5 => effects.push((name, Making::Forgotten)),
                6 => effects.push((name, Making::Given)),
                _ => {}
            }
        }
        let classes =
            [ErrorClass::Transient, ErrorClass::Transient, ErrorClass::Unknown, ErrorClass::Permanent];
        let times_out = draw.chance(8);
        let cached = draw.chance(8);
        Self {
            effects: if cached { Vec::new() } else { effects },
            failures: [0, 0, 0, 0, 1, 1, 2, 9][usize::try_from(draw.below(8)).unwrap()],
            class: if times_out {
                ErrorClass::Unknown
            } else {
                classes[usize::try_from(draw.below(4)).unwrap()]
            },
            times_out,
            pace: 1 + i64::try_from(draw.below(50)).unwrap(),
            falls_silent: draw.chance(8),
            breaks_promise: draw.chance(3),
            on_cancel: draw.below(3),
            cached,
        }
    }
}

impl Undoing {
    pub(crate) fn of(seed: u64, effect: &EffectId) -> Self {
        let draw = Draw::new(seed, &format!("undo {effect}")).below(12);
        if !tells(seed, effect) {
            // It is undone before a retry too: what gets stuck there would make the end depend on the crash.
            return if draw < 3 { Self::Superseded } else { Self::WorksAfter(1) };
        }
        match draw {
            0 => Self::NeverUntilRepaired,
            1 => Self::Hopeless,
            2 => Self::Superseded,
            3 | 4 => Self::WorksAfter(1),
            5 => Self::WorksAfter(3),
            _ => Self::WorksAfter(0),
        }
    }
}

/// Whether the outside tells about the effect when it is probed.
pub(crate) fn tells(seed: u64, effect: &EffectId) -> bool {
    !Draw::new(seed, &format!("probe {effect}")).chance(35)
}
