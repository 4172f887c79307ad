//! What the operator configured for steps.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where packages and images are fetched from, in place of the usual hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MirrorMap {
    /// Base URL of the Debian mirror. Unset: the first `deb` source of the worker itself.
    pub apt: Option<String>,
    /// Further archives of apt: URL as sources name it → URL to use. Either scheme of the former is meant.
    pub apt_archives: BTreeMap<String, String>,
    /// Index URL for pip.
    pub pypi: Option<String>,
    /// Registry URL for npm.
    pub npm: Option<String>,
    /// `GOPROXY` for Go.
    pub go: Option<String>,
    /// Image registries that builds may fetch from: host as written → host to use.
    pub registries: BTreeMap<String, String>,
    /// Git hosts: URL prefix as written → URL prefix to use.
    pub git: BTreeMap<String, String>,
}

/// The registry that a Containerfile means which names none.
const USUAL_REGISTRY: &str = "docker.io";

impl Default for MirrorMap {
    fn default() -> Self {
        let usual = USUAL_REGISTRY.to_owned();
        Self {
            apt: None,
            apt_archives: BTreeMap::new(),
            pypi: None,
            npm: None,
            go: None,
            registries: BTreeMap::from([(usual.clone(), usual)]),
            git: BTreeMap::new(),
        }
    }
}

/// What reaches tools and build containers, and never stays in an image.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepSettings {
    /// Proxy for `http:` URLs.
    pub http_proxy: Option<String>,
    /// Proxy for `https:` URLs.
    pub https_proxy: Option<String>,
    /// Hosts that are reached without a proxy, comma-separated.
    pub no_proxy: Option<String>,
    /// A PEM file with the authorities to trust besides the system's.
    pub ca_bundle: Option<PathBuf>,
    /// Whether build containers with `network: egress` reach public addresses only, and not private ranges.
    pub egress_public_only: bool,
    /// Mirrors.
    pub mirrors: MirrorMap,
    /// Folders below which `file://` repositories may lie.
    pub git_roots: Vec<PathBuf>,
    /// Hosts on loopback, link-local or metadata addresses that repositories may be fetched from all the same: names
    /// or addresses as URLs write them.
    pub git_local_hosts: Vec<String>,
    /// Keys of SSH hosts, in OpenSSH's `known_hosts` form. Unset: the worker's
    /// `/etc/ssh/ssh_known_hosts`. A host that is not there is refused.
    pub git_known_hosts: Option<PathBuf>,
}
