//! The command line.

mod actions;
mod admin;
mod answered;
mod args;
mod client;
mod compile;
mod config;
mod decide;
mod diff;
mod doctor;
mod entry;
mod explain;
mod failure;
mod follow;
mod init;
mod lint;
mod plan;
mod projects;
mod quiet_log;
mod repository;
mod run;
mod runs;
mod scripts;
mod serve;
mod setup;
mod target;

pub use entry::main;
pub(crate) use failure::Failure;
