//! The wired factory: what routes, triggers and commands work with.

mod live;
mod start;
mod views;

pub(crate) use live::{Factory, FactoryParts, seal_place};
pub(crate) use start::NewStart;
