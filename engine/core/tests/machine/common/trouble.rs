//! What happens to messages, to the clock and to the store in a simulation, and which events met what.

use std::collections::BTreeMap;

use engine_core::run::EventKind;

use super::draw::Draw;

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)+) => {
        /// What goes wrong at one moment: with the message that is to be taken up, or with what follows from it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Fault { $($(#[$doc])* $variant,)+ }

        impl Fault {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)+];

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            pub(crate) fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|fault| fault.name() == name)
            }
        }
    };
}

faults! {
    /// The process dies once the event is written, and nothing after it.
    Crash = "crash",
    /// The message never arrives. What it was about is asked for again, or its worker given up.
    Lost = "lost",
    /// The message arrives twice.
    Doubled = "doubled",
    /// The others that are on their way overtake the message.
    Overtaken = "overtaken",
    /// The worker is given up, lives, and speaks later.
    Slow = "slow",
    /// Somebody sets the clock forward.
    Forward = "forward",
    /// Somebody sets the clock back.
    Back = "back",
    /// The store writes nothing, and says so.
    Refused = "refused",
    /// The store writes everything, and the caller sees a timeout.
    Unclear = "unclear",
}

/// Which fault comes at which moment. Moments count what is taken up, from 0.
#[derive(Debug, Clone)]
pub(crate) enum Schedule {
    Calm,
    /// In so many percent of all moments.
    Drawn {
        seed: u64,
        percent: u64,
    },
    Listed(BTreeMap<u64, Fault>),
}

impl Schedule {
    pub(crate) fn at(&self, moment: u64) -> Option<Fault> {
        match self {
            Self::Calm => None,
            Self::Listed(faults) => faults.get(&moment).copied(),
            Self::Drawn { seed, percent } => {
                let mut draw = Draw::new(*seed, &format!("fault {moment}"));
                // A world in which everything fails for ever has no end to come to.
                let one = |draw: &mut Draw| Fault::ALL[usize::try_from(draw.below(9)).unwrap()];
                (moment < 2_000 && draw.chance(*percent)).then(|| one(&mut draw))
            }
        }
    }

    pub(crate) const fn is_calm(&self) -> bool {
        matches!(self, Self::Calm)
    }
}

/// How often an event of that kind met that fault.
pub(crate) type Cells = BTreeMap<(EventKind, Fault), u64>;

/// The table, a row for each kind of event.
pub(crate) fn table(cells: &Cells) -> String {
    let mut lines = vec![format!("{:<20}", "event")];
    lines[0].extend(Fault::ALL.iter().map(|fault| format!("{:>10}", fault.name())));
    for kind in EventKind::ALL {
        let met = |fault: &Fault| cells.get(&(*kind, *fault)).copied().unwrap_or(0);
        let row: Vec<_> = Fault::ALL.iter().map(|fault| format!("{:>10}", met(fault))).collect();
        lines.push(format!("{:<20}{}", kind.name(), row.concat()));
    }
    lines.join("\n")
}
