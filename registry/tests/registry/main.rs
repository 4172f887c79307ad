//! The registry from outside: its crate's API, its HTTP API over loopback, and real clients.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bounds;
mod claims;
mod clients;
mod content;
mod crash;
mod http_api;
mod layouts;
mod support;
mod sweeping;
mod tags;
mod uploads;
mod visibility;
