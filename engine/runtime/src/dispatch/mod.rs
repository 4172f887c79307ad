//! Who may start an attempt now.

mod slots;

pub use slots::SlotsStatus;
pub(crate) use slots::{Slot, Slots};
