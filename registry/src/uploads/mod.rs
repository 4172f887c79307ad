//! Uploads under way: a file that grows over several requests, until it becomes a blob of a repository.

mod finish;
mod session;

pub(crate) use session::{Chunk, Session, Uploads};
