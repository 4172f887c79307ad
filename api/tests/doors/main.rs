//! The doors from outside: the real program, a real repository, real requests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends where it stands")]

mod cli;
mod clients;
mod databases;
mod deciding;
mod diff;
mod draining;
mod failures;
mod following;
mod foreign;
mod groups;
mod hangup;
mod harness;
mod metrics;
mod patience;
mod private;
mod publish;
mod rebuild;
mod reference;
mod refusals;
mod retention;
mod retry;
mod scripts;
mod strangers;
mod tls;
mod webhook;
