//! Who may start an attempt now.

mod kinds;
mod queue;
mod slots;

pub use slots::SlotsStatus;
pub(crate) use slots::{Slot, Slots};
