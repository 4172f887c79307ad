//! The state machine from outside: its rules one by one, its histories, and its simulation.
#![expect(clippy::unwrap_used, reason = "a test that meets a surprise stops right there")]

mod admission;
mod common;
mod compensation;
mod histories;
mod outcomes;
mod people;
mod plan;
mod simulation;
mod take_over;
mod troubles;
mod waits;
