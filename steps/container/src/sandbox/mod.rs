//! What keeps builds and containers apart from the host, and the host clean: namespaces of their own, private
//! storage, configuration that no image keeps.

mod apt;
mod cgroup;
mod conf;
mod failure;
mod ids;
mod layers;
mod lent;
mod network;
mod runtime;
mod storage;

pub(crate) use apt::{APT_IN_CONTAINER, mirrored};
pub(crate) use cgroup::{Bounds, Cgroup};
pub(crate) use conf::{Pin, containers_conf, registries_conf, runtime, write_private};
pub(crate) use failure::{Doing, explain};
pub(crate) use ids::{FIRST_ID, IDS, foreign_owner};
pub(crate) use layers::check_layers;
pub(crate) use lent::{CA_IN_CONTAINER, Lent};
pub(crate) use network::{DNS, Network, cut_off, is_root, wrap};
pub(crate) use runtime::runtime_script;
pub(crate) use storage::Storage;
