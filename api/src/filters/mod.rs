//! Filters that several routes share.

mod auth;
mod body;
mod changes;
mod places;
mod request_id;

pub(crate) use auth::{Caller, Tokens, caller};
pub(crate) use body::{json, json_or_nothing, read};
pub(crate) use changes::changes;
pub(crate) use places::Places;
pub(crate) use request_id::request_id;
