//! The engine as its doors see it.

mod admit;
mod archiver;
mod background;
mod decision;
mod error;
mod handle;
mod parts;
mod retry;
mod start;
mod submit;

pub(crate) use archiver::{ArchiveQueue, CompleteLog};
pub use decision::{Decision, Vote};
pub use error::{AskError, StartError, SubmitError};
pub use handle::{Engine, EngineStatus};
pub use parts::{EngineDirs, EngineParts, Sharing, Standing, Submission};
