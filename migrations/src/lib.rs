//! Opens a database of the factory, brings its schema up to date and owns its one writer.
//!
//! [`Database::open`] applies the numbered migrations of a [`Schema`] and refuses a file that a newer version
//! wrote. Reads go through a pool of read-only connections ([`Database::reads`]). Writes are jobs
//! ([`Database::write`]): one task runs them one after another, each in a savepoint, and commits as many as
//! are waiting with a single COMMIT, so that a hundred callers share the price of one flush to disk.

mod connect;
mod database;
mod error;
mod fault;
mod job;
mod migrate;
mod place;
mod postgres;
mod schema;
mod writer;

pub use database::{Database, Options};
pub use error::Error;
pub use fault::Fault;
pub use job::Work;
pub use place::Place;
pub use postgres::{Alone, PgDatabase, PgOptions};
pub use schema::Schema;
