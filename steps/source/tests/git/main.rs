//! Fetching and reading with the real Git: from folders, from a daemon, over https with a password.
#![cfg(test)]

mod fetch;
mod fixture;
mod reading;
mod remote;
mod watched;
