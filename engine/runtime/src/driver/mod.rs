//! One actor per active run: the only writer of its events.
//!
//! ```text
//! messages ─▶ events ─▶ apply ─▶ decide … until nothing follows ─▶ grant slots ─▶ one commit
//!     ▲                                                               │             │ only then
//!     └──────────────── pure steps in process run ahead ◀─────────────┘   answers, commands, attempts, notices
//! ```

mod actor;
mod answers;
mod ask;
mod carry;
mod children;
mod flight;
mod hear;
mod load;
mod message;
mod meta;
mod new_run;
mod own_time;
mod project;
mod runs;
mod take;
mod task;
mod turn;

pub(crate) use actor::LEASE;
pub(crate) use ask::{Ask, Reply, Told};
pub(crate) use load::{LoadError, Loaded, Need, load, look, replay};
pub(crate) use message::{JournalEntry, JournalWrite, Message};
pub(crate) use meta::{RunMeta, trigger};
pub(crate) use new_run::{FirstWords, NewRun};
pub(crate) use runs::Runs;
pub(crate) use task::Start;
