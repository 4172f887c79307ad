//! The engine as its doors see it.

mod background;
mod decision;
mod error;
mod handle;
mod parts;
mod start;

pub use decision::Decision;
pub use error::{AskError, StartError, SubmitError};
pub use handle::{Engine, EngineStatus};
pub use parts::{EngineDirs, EngineParts, Submission};
