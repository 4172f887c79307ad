//! Where runs, projects, deliveries and tokens are kept: in memory and in SQLite.
//!
//! Both kinds of store pass the same conformance suite (`tests/conformance`). They keep what they are given and
//! refuse what contradicts what they have; they decide nothing.

mod commit;
mod dialect;
mod memory;
mod sql;

pub use memory::{MemoryProjectStore, MemoryRunStore, MemoryTokenStore};
pub use sql::{SqliteProjectStore, SqliteRunStore, SqliteTokenStore};
