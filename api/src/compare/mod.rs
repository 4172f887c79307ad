//! Two runs beside each other: what differs, and why one did not take from the cache what the other computed.

mod account;
mod diff;
mod gather;
#[cfg(test)]
mod tests;
mod why;

pub(crate) use account::Account;
pub(crate) use diff::diff;
