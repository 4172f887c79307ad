//! Where runs, projects, deliveries and tokens are kept: in memory, in SQLite and in PostgreSQL.
//!
//! All kinds of store pass the same conformance suite (`tests/conformance`). They keep what they are given and
//! refuse what contradicts what they have; they decide nothing.

mod commit;
mod dialect;
mod memory;
mod sql;

pub use dialect::SqlDatabase;
pub use memory::{MemoryProjectStore, MemoryRunStore, MemoryTokenStore};
pub use sql::{SqlProjectStore, SqlRunStore, SqlTokenStore};

/// Projects on a database; which one, its opener says.
pub type SqliteProjectStore = SqlProjectStore;
/// Runs on a database; which one, its opener says.
pub type SqliteRunStore = SqlRunStore;
/// Tokens on a database; which one, its opener says.
pub type SqliteTokenStore = SqlTokenStore;
