//! What differs between databases; the statements in `sql` are the same for all.

pub(crate) mod sqlite;
