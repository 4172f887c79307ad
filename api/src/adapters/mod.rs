//! The ports of the engine over the registry and the data folder.

mod access;
mod artifacts;
mod git_workflows;
mod images;
mod room;
mod secrets;

pub(crate) use access::RegistryAccess;
pub(crate) use artifacts::RegistryArtifacts;
pub(crate) use git_workflows::GitWorkflows;
pub(crate) use images::RegistryImages;
pub(crate) use room::DataRoom;
pub(crate) use secrets::{FileSecrets, is_secret_name};
