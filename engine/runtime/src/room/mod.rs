//! Runs that share room: who goes on, who waits for whom, who is asked to end.

mod share;
mod turns;

pub use share::Waits;
pub(crate) use share::{Bounds, Sharing, share};
pub(crate) use turns::Turns;
