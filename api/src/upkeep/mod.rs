//! What is done now and then: runs that are old are removed, what nobody holds or needs any more goes with them.

mod cache;
mod claims;
mod holds;
mod policy;
mod prune;
mod round;
#[cfg(test)]
mod world;

pub(crate) use cache::unused_age;
pub(crate) use policy::Policy;
pub(crate) use round::{Upkeep, upkeep};
