//! Filters that several routes share.

mod auth;
mod body;
mod changes;
mod request_id;

pub(crate) use auth::{Caller, Tokens, caller};
pub(crate) use body::{Held, held, json};
pub(crate) use changes::changes;
pub(crate) use request_id::request_id;
