//! The stores on SQL: one file for each table, one for each port.

mod cells;
mod claims;
mod deliveries;
mod effects;
mod events;
mod insert;
mod leases;
mod logs;
mod memo_use;
mod memos;
mod origins;
mod plans;
mod project_store;
mod projects;
#[cfg(test)]
mod query_plans;
mod requests;
mod retention;
mod room;
mod run_store;
mod runs;
mod steps;
mod token_store;

pub use project_store::SqlProjectStore;
pub use run_store::SqlRunStore;
pub use token_store::SqlTokenStore;
