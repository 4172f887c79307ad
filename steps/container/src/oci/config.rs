//! The config of an image: what a container starts with, and what its layers are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};
use vocab::Digest;

use crate::arch::Arch;

/// What a workflow says about the config. What it leaves out stays as the base has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConfigChanges {
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) command: Option<Vec<String>>,
    /// Added to the base's; the same name replaces.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) user: Option<String>,
    pub(crate) workdir: Option<String>,
    /// Added to the base's; the same name replaces.
    pub(crate) labels: BTreeMap<String, String>,
    /// Added to the base's: `8080/tcp`.
    pub(crate) ports: BTreeSet<String>,
}

/// The config of an image made from `base` (its whole config) with further layers on top.
///
/// `created` is RFC 3339. `by` is what the history says about each new layer.
pub(crate) fn config(
    base: Option<&Json>,
    changes: &ConfigChanges,
    arch: Arch,
    created: &str,
    new_layers: &[(Digest, String)],
) -> Json {
    let runtime = apply(base.and_then(|base| base.get("config")), changes);
    let mut diff_ids = list(base, "/rootfs/diff_ids");
    diff_ids.extend(new_layers.iter().map(|(diff_id, _)| Json::String(diff_id.to_string())));
    let mut history = list(base, "/history");
    history.extend(new_layers.iter().map(|(_, by)| json!({ "created": created, "created_by": by })));
    let mut config = json!({ "created": created, "architecture": arch.name(), "os": "linux" });
    if let Some(variant) = base.and_then(|base| base.get("variant")) {
        config["variant"] = variant.clone();
    }
    config["config"] = runtime;
    config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
    config["history"] = Json::Array(history);
    config
}

fn list(base: Option<&Json>, pointer: &str) -> Vec<Json> {
    base.and_then(|base| base.pointer(pointer)).and_then(Json::as_array).cloned().unwrap_or_default()
}

/// The part that a container starts with. Keys that no workflow changes stay as the base has them.
fn apply(base: Option<&Json>, changes: &ConfigChanges) -> Json {
    let mut config = base.and_then(Json::as_object).cloned().unwrap_or_default();
    if let Some(user) = &changes.user {
        config.insert("User".to_owned(), json!(user));
    }
    if let Some(entrypoint) = &changes.entrypoint {
        config.insert("Entrypoint".to_owned(), json!(entrypoint));
        // The base's arguments were meant for the base's program.
        config.remove("Cmd");
    }
    if let Some(command) = &changes.command {
        config.insert("Cmd".to_owned(), json!(command));
    }
    if let Some(workdir) = &changes.workdir {
        config.insert("WorkingDir".to_owned(), json!(workdir));
    }
    if !changes.env.is_empty() {
        let env = environment(config.get("Env"), &changes.env);
        config.insert("Env".to_owned(), json!(env));
    }
    merge(&mut config, "Labels", changes.labels.iter().map(|(name, text)| (name.clone(), json!(text))));
    merge(&mut config, "ExposedPorts", changes.ports.iter().map(|port| (port.clone(), json!({}))));
    // Sorted, so that neither the base's spelling nor the order of the changes shows.
    Json::Object(config.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect())
}

/// Variables in the order of the base, then the new ones by name.
fn environment(base: Option<&Json>, changes: &BTreeMap<String, String>) -> Vec<String> {
    let name = |line: &str| line.split('=').next().unwrap_or(line).to_owned();
    let mut lines: Vec<String> = base
        .and_then(Json::as_array)
        .map(|lines| lines.iter().filter_map(Json::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    for (variable, value) in changes {
        let line = format!("{variable}={value}");
        match lines.iter_mut().find(|existing| name(existing) == *variable) {
            Some(existing) => *existing = line,
            None => lines.push(line),
        }
    }
    lines
}

fn merge(config: &mut Map<String, Json>, key: &str, entries: impl Iterator<Item = (String, Json)>) {
    let mut merged: BTreeMap<String, Json> =
        config.get(key).and_then(Json::as_object).cloned().unwrap_or_default().into_iter().collect();
    merged.extend(entries);
    if !merged.is_empty() {
        config.insert(key.to_owned(), Json::Object(merged.into_iter().collect()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Json {
        json!({
            "created": "2020-01-01T00:00:00Z", "architecture": "amd64", "os": "linux",
            "config": {
                "Env": ["PATH=/bin", "LANG=C"], "Cmd": ["sh"], "Labels": { "z": "1" }, "StopSignal": "SIGINT",
            },
            "rootfs": { "type": "layers", "diff_ids": ["sha256:aa"] },
            "history": [{ "created_by": "base" }],
        })
    }

    #[test]
    fn a_base_keeps_what_nobody_changes() {
        let changes = ConfigChanges {
            env: BTreeMap::from([("LANG".into(), "C.UTF-8".into()), ("A".into(), "b".into())]),
            labels: BTreeMap::from([("a".into(), "2".into())]),
            ..ConfigChanges::default()
        };
        let layer = (Digest::of("layer"), "made".to_owned());
        let config = config(Some(&base()), &changes, Arch::Amd64, "1970-01-01T00:00:00Z", &[layer]);
        assert_eq!(
            config["config"].to_string(),
            r#"{"Cmd":["sh"],"Env":["PATH=/bin","LANG=C.UTF-8","A=b"],"Labels":{"a":"2","z":"1"},"StopSignal":"SIGINT"}"#
        );
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
        assert_eq!(config["history"][1]["created_by"], "made");
        assert_eq!(config["created"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn fields_of_a_base_that_the_specification_does_not_know_stay() {
        let more = json!({ "Healthcheck": { "Test": ["CMD", "true"] }, "OnBuild": [], "Shell": ["/bin/sh"] });
        let base = json!({ "architecture": "amd64", "os": "linux", "config": more });
        let config = config(Some(&base), &ConfigChanges::default(), Arch::Amd64, "1970-01-01T00:00:00Z", &[]);
        assert_eq!(config["config"], more);
    }

    #[test]
    fn a_new_entrypoint_drops_the_arguments_of_the_old_one() {
        let changes = ConfigChanges { entrypoint: Some(vec!["/app".into()]), ..ConfigChanges::default() };
        let config = config(Some(&base()), &changes, Arch::Amd64, "1970-01-01T00:00:00Z", &[]);
        assert_eq!(config["config"].get("Cmd"), None);
        assert_eq!(config["config"]["Entrypoint"], json!(["/app"]));
    }
}
