//! The inputs of `container/assemble@v1`, checked as a whole before anything is done.

use std::collections::{BTreeMap, BTreeSet};

use engine_ports::ActionError;
use serde::Deserialize;
use steps_kit::field::Artifact;
use tree::Owners;

use crate::arch::Arch;
use crate::checks;
use crate::oci::ConfigChanges;

/// As the workflow gives them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taken {
    base: Option<Artifact>,
    from: Option<String>,
    layers: Vec<TakenLayer>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    user: Option<String>,
    workdir: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    ports: BTreeSet<String>,
    arch: String,
    timestamp: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TakenLayer {
    tree: Artifact,
    prefix: Option<String>,
    uid: Option<u32>,
    gid: Option<u32>,
}

/// What the image is built on.
#[derive(Debug)]
pub(super) enum On {
    Nothing,
    Image(Artifact),
    /// A name in the factory's registry: repository, and tag or digest.
    Name {
        repository: String,
        reference: String,
    },
}

/// A layer to be made.
#[derive(Debug)]
pub(super) struct LayerPlan {
    pub(super) tree: Artifact,
    /// The folder that the tree's root becomes; empty for the image's own root.
    pub(super) prefix: String,
    pub(super) owners: Owners,
}

impl LayerPlan {
    /// Whether the tree is the layer, byte for byte.
    pub(super) fn is_tree_itself(&self) -> bool {
        self.prefix.is_empty() && self.owners == Owners::Keep
    }
}

/// What is to be built.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) on: On,
    pub(super) layers: Vec<LayerPlan>,
    pub(super) changes: ConfigChanges,
    pub(super) arch: Arch,
    /// Seconds since 1970.
    pub(super) timestamp: i64,
}

/// Layers beyond this number are refused by kernels and registries alike.
const LAYERS: usize = 127;

impl TryFrom<Taken> for Plan {
    type Error = ActionError;

    fn try_from(taken: Taken) -> Result<Self, ActionError> {
        let refuse = |message: String| Err(ActionError::permanent(message));
        let on = match (taken.base, taken.from) {
            (Some(_), Some(_)) => return refuse("give `base` or `from`, not both".to_owned()),
            (Some(image), None) => On::Image(image),
            (None, Some(name)) => named(&name)?,
            (None, None) => On::Nothing,
        };
        if taken.layers.len() > LAYERS {
            return refuse(format!(
                "{} layers are too many; an image holds at most {LAYERS}",
                taken.layers.len()
            ));
        }
        checks::timestamp(taken.timestamp)?;
        checks::env_names(taken.env.keys())?;
        if let Some(port) = taken.ports.iter().find(|port| !is_port(port)) {
            return refuse(format!("`{port}` is no port; write it as `8080/tcp` or `53/udp`"));
        }
        if let Some(workdir) = &taken.workdir {
            checks::absolute("workdir", workdir)?;
        }
        let changes = ConfigChanges {
            entrypoint: taken.entrypoint,
            command: taken.cmd,
            env: taken.env,
            user: taken.user,
            workdir: taken.workdir,
            labels: taken.labels,
            ports: taken.ports,
        };
        let layers = taken.layers.into_iter().map(layer).collect::<Result<_, _>>()?;
        Ok(Self { on, layers, changes, arch: checks::arch(&taken.arch)?, timestamp: taken.timestamp })
    }
}

fn layer(taken: TakenLayer) -> Result<LayerPlan, ActionError> {
    let owners = match (taken.uid, taken.gid) {
        (None, None) => Owners::Keep,
        (Some(uid), gid) => Owners::Fixed { uid, gid: gid.unwrap_or(uid) },
        (None, Some(_)) => return Err(ActionError::permanent("a layer with a `gid` needs a `uid`, too")),
    };
    let prefix = taken.prefix.unwrap_or_default();
    Ok(LayerPlan { tree: taken.tree, prefix: prefix.trim_matches('/').to_owned(), owners })
}

fn named(name: &str) -> Result<On, ActionError> {
    let (repository, reference) = match name.split_once('@') {
        Some(parts) => parts,
        None => name.rsplit_once(':').unwrap_or((name, "latest")),
    };
    if repository.is_empty() || reference.is_empty() || reference.contains('/') {
        return Err(ActionError::permanent(format!("`from: {name}` names no image"))
            .help("write a repository of the factory's registry with a tag or a digest, such as `base/debian:stable`"));
    }
    Ok(On::Name { repository: repository.to_owned(), reference: reference.to_owned() })
}

fn is_port(text: &str) -> bool {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    number.parse::<u16>().is_ok_and(|port| port > 0) && ["tcp", "udp", "sctp"].contains(&protocol)
}
