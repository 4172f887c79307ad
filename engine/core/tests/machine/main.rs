//! The state machine from outside: its rules one by one, its histories, and its simulation.

mod common;
mod compensation;
mod outcomes;
mod simulation;
