//! What the end-to-end tests share: a server, a tenant's repository, a Git host's delivery.

mod layout;
mod repository;
mod server;

pub(crate) use layout::rehash;
pub(crate) use repository::{GOOD, TenantRepository};
pub(crate) use server::{Server, Setup, program, step};
