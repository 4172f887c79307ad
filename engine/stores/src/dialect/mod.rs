//! What differs between databases; the statements in `sql` are the same for all.
//!
//! The functions in `sql` name no driver: they take a [`Connection`] or a [`Pool`], run a [`query`] and read a
//! [`Row`]. Each is one of two, and the file of its database does what is left to do.

mod database;
mod failure;
mod postgres;
mod query;
mod row;
mod sqlite;

pub use database::SqlDatabase;
pub(crate) use database::{Connection, Pool};
pub(crate) use failure::Failure;
pub(crate) use query::{Lock, Query, Source, query};
pub(crate) use row::{Cell, Row};
