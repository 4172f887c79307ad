//! The real `git`, kept on a short leash: no prompts, no configuration but ours, no hooks, few protocols.

mod classify;
mod credentials;
mod host;
mod location;
mod lookup;
mod program;
mod reference;
mod url;

pub use location::check_url;
pub(crate) use program::{Git, Want};
pub(crate) use reference::{check_commit, check_ref};
