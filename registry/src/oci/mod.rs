//! OCI Distribution 1.1 over the registry, as one warp filter. Knows HTTP; decides nothing about content.

mod answer;
mod authorize;
mod blob_delete;
mod blob_get;
mod blob_upload_cancel;
mod blob_upload_finish;
mod blob_upload_patch;
mod blob_upload_start;
mod blob_upload_status;
mod body;
mod call;
mod catalog_list;
mod chunk;
mod condition;
mod failure;
mod manifest_delete;
mod manifest_get;
mod manifest_put;
mod page;
mod path;
mod ping;
mod range;
mod reference;
mod referrers_list;
mod routes;
mod tags_list;

pub use authorize::{Access, Action, Authorizer, Credentials, Decision, Principal};
pub use routes::routes;
