//! Several processes on one set of rows: who drives which run, and how the others reach it.
//!
//! ```text
//!              ┌── renew, take over ──▶ claims in the store ◀── a commit is fenced by them
//! this process ┤
//!              └── requests ──▶ the process that holds the run ──▶ events, with the answer
//! ```
//!
//! A process that is not sure of its claims drives nothing: it stops what it executes before anybody else may begin.

mod held;
mod keep;
mod reach;

pub(crate) use held::{Claims, Taken};
pub(crate) use keep::{give_up, hear, keep, lapse, release};
