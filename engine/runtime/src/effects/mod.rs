//! Looking for effects and undoing them: what any process can do with a record, long after the attempt.

mod clean;
mod work;

pub(crate) use clean::holds_secret;
pub(crate) use work::{probe, undo};
