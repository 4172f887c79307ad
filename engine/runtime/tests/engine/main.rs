//! The engine as a whole, on the memory store and on SQLite, with small actions that write down what they did.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actions;
mod ahead;
mod bounds;
mod cache;
mod children;
mod clock;
mod crashes;
mod decisions;
mod effects;
mod faults;
mod groups;
mod large;
mod leases;
mod logs;
mod oracle;
mod outside;
mod postgres;
mod processes;
mod rebuild;
mod retry;
mod room;
mod runs;
mod scripted;
mod seeds;
mod shipped;
mod shutdown;
mod starts;
mod world;
