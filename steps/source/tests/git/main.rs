//! Fetching and reading with the real Git: from folders, from a daemon, over https with a password, over ssh with a key.
#![cfg(test)]

mod fetch;
mod fixture;
mod reading;
mod remote;
mod ssh;
mod watched;
