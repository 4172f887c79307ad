//! The engine as its doors see it.

mod admit;
mod background;
mod error;
mod handle;
mod parts;
mod start;

pub use error::{AskError, StartError, SubmitError};
pub use handle::{Engine, EngineStatus};
pub use parts::{EngineDirs, EngineParts, Standing, Submission};
