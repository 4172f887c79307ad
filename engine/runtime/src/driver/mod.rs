//! One actor per active run: the only writer of its events.
//!
//! ```text
//! messages ─▶ events ─▶ apply ─▶ decide … until nothing follows ─▶ grant slots ─▶ one commit
//!                                                                                   │ only then
//!                                                  answers, commands, attempts, notices
//! ```

mod actor;
mod answers;
mod children;
mod load;
mod message;
mod meta;
mod own_time;
mod project;
mod runs;
mod take;
mod task;
mod turn;

pub(crate) use actor::LEASE;
pub(crate) use load::{LoadError, Need, load};
pub(crate) use message::{JournalEntry, JournalWrite, Message};
pub(crate) use meta::{RunContext, RunMeta, origin, trigger};
pub(crate) use own_time::Ahead;
pub(crate) use runs::Runs;
pub(crate) use task::Start;
pub(crate) use turn::NewRunParts;
