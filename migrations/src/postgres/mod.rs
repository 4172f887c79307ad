//! PostgreSQL: a pool of connections, a transaction for each write. The server is the one that orders the writers.

mod address;
mod alone;
mod connect;
mod database;
mod migrate;

pub use alone::Alone;
pub use database::{PgDatabase, PgOptions};
