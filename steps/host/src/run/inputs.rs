//! What is to be run.

use std::collections::BTreeMap;

use engine_ports::ActionError;
use serde::Deserialize;
use steps_kit::field::{Artifact, Secret};
use vocab::Inputs;

/// Names that the factory itself sets.
const OWN: [&str; 5] = ["PATH", "HOME", "LANG", "TMPDIR", super::execute::OUTPUTS];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    /// The input `script`.
    #[serde(rename = "script")]
    pub(super) text: String,
    pub(super) shell: Vec<String>,
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    pub(super) mounts: BTreeMap<String, Artifact>,
    pub(super) collect: Option<String>,
    pub(super) timestamp: i64,
}

pub(super) fn read(inputs: Inputs) -> Result<Script, ActionError> {
    let script: Script = steps_kit::inputs(inputs)?;
    if script.shell.first().is_none_or(String::is_empty) {
        return Err(ActionError::permanent("`shell` names no program")
            .help("leave it out, or give a list such as `[bash, -eu]`"));
    }
    for name in script.env.keys().chain(script.secrets.keys()) {
        check_variable(name)?;
    }
    if let Some(twice) = script.env.keys().find(|name| script.secrets.contains_key(*name)) {
        return Err(ActionError::permanent(format!("the variable `{twice}` is in `env` and in `secrets`")));
    }
    if let Some((name, _)) = script.env.iter().find(|(_, value)| value.contains('\0')) {
        return Err(ActionError::permanent(format!(
            "the variable `{name}` holds a zero byte, which no environment can"
        )));
    }
    for name in script.mounts.keys() {
        check_folder(name)?;
    }
    Ok(script)
}

fn check_variable(name: &str) -> Result<(), ActionError> {
    let shape = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    // The loader would run a tenant's library in programs of the operator's.
    let allowed = !OWN.contains(&name) && !name.starts_with("LD_");
    if shape && allowed {
        return Ok(());
    }
    Err(ActionError::permanent(format!("`{}` cannot be set as a variable", name.escape_debug())).help(
        "use letters, digits and `_`; the factory sets PATH, HOME, LANG, TMPDIR and FACTORY_OUTPUTS itself",
    ))
}

fn check_folder(name: &str) -> Result<(), ActionError> {
    let shape = !name.is_empty()
        && name.len() <= 100
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if shape {
        return Ok(());
    }
    Err(ActionError::permanent(format!("`{}` is no name for the folder of a tree", name.escape_debug()))
        .help("use letters, digits, `.`, `_` and `-`"))
}
