//! The states of runs, steps and effects, as rows, answers and expressions name them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
        )]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every state, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word used in rows, answers and expressions.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord(text.chars().take(80).collect())),
                }
            }
        }
    };
}

/// A text that is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a known state")]
pub struct UnknownWord(String);

words!(
    /// Where a run is: body, unwinding, `finally`, and how it ended.
    RunStatus {
        /// Accepted and durable; nothing of it has started.
        Queued = "queued",
        /// Steps of the body run.
        Running = "running",
        /// Nothing starts until a person says what follows.
        Paused = "paused",
        /// Effects are being undone.
        Unwinding = "unwinding",
        /// The steps under `finally` run.
        Finalizing = "finalizing",
        /// Ended: every step that had to succeed did.
        Succeeded = "succeeded",
        /// Ended: a step failed.
        Failed = "failed",
        /// Ended: somebody cancelled it.
        Cancelled = "cancelled",
        /// Ended: its time ran out.
        TimedOut = "timed_out",
    }
);

impl RunStatus {
    /// Whether nothing more will happen in this run.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut)
    }
}

words!(
    /// Where a step instance is, and how it ended.
    StepStatus {
        /// Waits for what it needs.
        Pending = "pending",
        /// May run; waits for a worker.
        Ready = "ready",
        /// A worker executes an attempt.
        Running = "running",
        /// An attempt failed; the next one waits for its time.
        Retrying = "retrying",
        /// It waits for a time, an event, people or another run, and holds no worker.
        Waiting = "waiting",
        /// It failed for good; a person decides what follows.
        Paused = "paused",
        /// Ended well.
        Succeeded = "succeeded",
        /// Ended badly.
        Failed = "failed",
        /// Its `if` was false, or everything it needs was skipped.
        Skipped = "skipped",
        /// Something it needs did not succeed.
        NotReached = "not_reached",
        /// Ended because the run was cancelled.
        Cancelled = "cancelled",
        /// Ended because its time ran out.
        TimedOut = "timed_out",
    }
);

impl StepStatus {
    /// Whether this step instance has ended.
    pub const fn is_terminal(self) -> bool {
        !matches!(
            self,
            Self::Pending | Self::Ready | Self::Running | Self::Retrying | Self::Waiting | Self::Paused
        )
    }
}

words!(
    /// Where an effect is in its life.
    EffectState {
        /// Written down, perhaps made.
        Intended = "intended",
        /// Made, with a handle.
        Made = "made",
        /// Made by a successful child run; waits for the parent's end.
        Held = "held",
        /// Meant to stay.
        Released = "released",
        /// Being undone.
        Undoing = "undoing",
        /// No longer there, or never was.
        Undone = "undone",
        /// Somebody else has changed it since; it was left alone.
        Superseded = "superseded",
        /// Could not be undone; a person has to look.
        Stuck = "stuck",
    }
);

impl EffectState {
    /// Whether nothing is left to be done about it: it is meant to stay, or it is gone, or it is somebody else's.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Released | Self::Undone | Self::Superseded)
    }
}

words!(
    /// How the unwinding of a run went.
    Compensation {
        /// There was nothing to undo.
        NotNeeded = "none",
        /// The run succeeded, and what it made is held until the run that started it ends.
        Held = "held",
        /// It is under way.
        Unwinding = "unwinding",
        /// Every effect is undone or superseded.
        Complete = "complete",
        /// At least one effect is stuck.
        Stuck = "stuck",
    }
);
