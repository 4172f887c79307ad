//! What a workflow means once it compiled: complete, checked, and all that a run needs of its file.

mod concurrency;
mod input;
mod millis;
mod retry;
mod step;
mod trigger;
mod workflow;

pub use concurrency::Concurrency;
pub use input::{Input, InputError};
pub use retry::{Backoff, Retry};
pub use step::{CachePolicy, Compensate, Step};
pub(crate) use trigger::matcher;
pub use trigger::{PushTrigger, Triggers};
pub use workflow::{OnFailure, Workflow};
