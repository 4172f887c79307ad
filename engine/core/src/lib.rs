//! The heart of the engine: what a run will do, where it is, and what follows.
//!
//! Pure: no I/O, no await, no clock, no randomness. A [`Plan`](plan::Plan) is made from a workflow; events change a
//! [`RunState`](run::RunState); from the state follow further events and commands. A driver outside makes the events
//! durable and carries the commands out:
//!
//! ```text
//! apply(event) → decide(now) → apply each event, until there are none → commit → carry out commands
//! ```

pub mod plan;
pub mod run;
