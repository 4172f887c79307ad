//! The stores in memory: for simulations and for tests that need no disk. Nothing survives the process.

mod claims;
mod memo_use;
mod projects;
mod requests;
mod retention;
mod rows;
mod runs;
mod tokens;

pub use projects::MemoryProjectStore;
pub use runs::MemoryRunStore;
pub use tokens::MemoryTokenStore;
