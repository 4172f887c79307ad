//! The inputs of `container/run@v1`, checked as a whole before anything is done.

use std::collections::BTreeMap;

use engine_ports::ActionError;
use serde::Deserialize;
use steps_kit::field::{Artifact, Size};

use crate::checks;
use crate::sandbox::Network;

/// As the workflow gives them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taken {
    image: Artifact,
    script: Option<String>,
    command: Option<Vec<String>>,
    env: BTreeMap<String, String>,
    mounts: BTreeMap<String, Artifact>,
    collect: Option<String>,
    network: String,
    read_only: bool,
    memory: Option<Size>,
    cpus: Option<f64>,
    pids: u64,
    user: Option<String>,
    workdir: Option<String>,
    timestamp: i64,
}

/// What the container starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// What the image says.
    Image,
    Script(String),
    Command(Vec<String>),
}

/// What is to be run.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) image: Artifact,
    pub(super) start: Start,
    pub(super) env: BTreeMap<String, String>,
    /// By absolute path in the container.
    pub(super) mounts: BTreeMap<String, Artifact>,
    pub(super) collect: Option<String>,
    pub(super) network: Network,
    pub(super) read_only: bool,
    /// In bytes.
    pub(super) memory: Option<u64>,
    pub(super) cpus: Option<f64>,
    pub(super) pids: u64,
    pub(super) user: Option<String>,
    pub(super) workdir: Option<String>,
    /// Seconds since 1970.
    pub(super) timestamp: i64,
}

/// Folders that the runtime itself fills; a tree there would break the container.
const TAKEN_FOLDERS: [&str; 3] = ["/dev", "/proc", "/sys"];

impl TryFrom<Taken> for Wanted {
    type Error = ActionError;

    fn try_from(taken: Taken) -> Result<Self, ActionError> {
        let refuse = |message: String| Err(ActionError::permanent(message));
        let start = match (taken.script, taken.command) {
            (Some(_), Some(_)) => return refuse("give `script` or `command`, not both".to_owned()),
            (Some(script), None) => Start::Script(script),
            (None, Some(command)) if command.is_empty() => return refuse("`command` is empty".to_owned()),
            (None, Some(command)) => Start::Command(command),
            (None, None) => Start::Image,
        };
        checks::timestamp(taken.timestamp)?;
        checks::env_names(taken.env.keys())?;
        for path in taken.mounts.keys().chain(&taken.collect) {
            checks::absolute("mounts", path)?;
            let own = TAKEN_FOLDERS.iter().find(|own| {
                path.strip_prefix(**own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            if path.trim_end_matches('/').is_empty() || own.is_some() {
                return refuse(format!(
                    "nothing can be put at `{path}`: the container itself fills that folder"
                ));
            }
        }
        if let Some(collect) = taken.collect.as_ref().filter(|path| taken.mounts.contains_key(*path)) {
            return refuse(format!("`{collect}` is both in `mounts` and `collect`"));
        }
        if let Some(workdir) = &taken.workdir {
            checks::absolute("workdir", workdir)?;
        }
        if let Some(user) = taken.user.as_ref().filter(|user| !is_user(user)) {
            return refuse(format!(
                "`user: {user}` must be a name or a number, with `:group` where one is meant"
            ));
        }
        if taken.cpus.is_some_and(|cpus| !(0.01..=1024.0).contains(&cpus)) {
            return refuse("`cpus` must lie between 0.01 and 1024".to_owned());
        }
        Ok(Self {
            image: taken.image,
            start,
            env: taken.env,
            mounts: taken.mounts,
            collect: taken.collect,
            network: Network::named(&taken.network),
            read_only: taken.read_only,
            memory: taken.memory.map(|size| *size),
            cpus: taken.cpus,
            pids: taken.pids.max(1),
            user: taken.user,
            workdir: taken.workdir,
            timestamp: taken.timestamp,
        })
    }
}

fn is_user(text: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && word.len() <= 64
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    word(user) && group.is_none_or(word)
}
