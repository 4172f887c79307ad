//! The files that configure buildah and podman for one attempt.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use engine_ports::{ActionError, StepContext};

/// `containers.conf`: works without systemd, without the right to raise limits, and with either runtime.
pub(crate) fn containers_conf(runtime: &str) -> String {
    format!(
        "[containers]\ndefault_ulimits = []\n\n[engine]\ncgroup_manager = \"cgroupfs\"\nruntime = {}\n",
        quoted(runtime)
    )
}

/// `registries.conf`: each host as the operator maps it.
pub(crate) fn registries_conf(registries: &BTreeMap<String, String>) -> String {
    let mut text =
        "unqualified-search-registries = [\"docker.io\"]\nshort-name-mode = \"disabled\"\n".to_owned();
    for (host, location) in registries {
        let plain = location.starts_with("http://");
        let place = location.split_once("://").map_or(location.as_str(), |(_, place)| place);
        let place = place.trim_end_matches('/');
        // Writing to a `String` cannot fail.
        let _ = write!(
            text,
            "\n[[registry]]\nprefix = {}\nlocation = {}\ninsecure = {plain}\n",
            quoted(host),
            quoted(place)
        );
    }
    text
}

/// The runtime on this worker. runc comes first: crun refuses machines that have both versions of control groups.
pub(crate) fn runtime(ctx: &StepContext) -> Result<PathBuf, ActionError> {
    ["runc", "crun"].into_iter().find_map(|name| ctx.services.tools.find(name)).ok_or_else(|| {
        ActionError::permanent("neither runc nor crun is on this worker, and a container needs one")
            .help("apt-get install runc")
    })
}

/// A runtime that gives each command of a build `variables` and then is `runtime`.
///
/// buildah has no way to set a variable for `RUN` without keeping it in the image. In `config.json`, quotes inside
/// texts are escaped, so `,"env":[` stands there once: in front of the process's variables.
pub(crate) fn runtime_script(runtime: &Path, variables: &BTreeMap<String, String>) -> String {
    let list: String =
        variables.iter().map(|(name, value)| quoted(&format!("{name}={value}")) + ",").collect();
    let edit = format!("s|,\"env\":\\[|,\"env\":[{}|", sed_replacement(&list));
    let edit = if list.is_empty() { String::new() } else { edit };
    format!(
        "#!/bin/sh\n\
         previous= bundle=\n\
         for word in \"$@\"; do\n\
         \tcase $word in --bundle=*) bundle=${{word#--bundle=}} ;; esac\n\
         \tif [ \"$previous\" = --bundle ]; then bundle=$word; fi\n\
         \tprevious=$word\n\
         done\n\
         if [ -n \"$bundle\" ]; then sed -i -e {} \"$bundle/config.json\" || exit 1; fi\n\
         exec {} \"$@\"\n",
        shell_quoted(&edit),
        shell_quoted(&runtime.to_string_lossy()),
    )
}

/// A text as TOML and JSON both read it.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn sed_replacement(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if matches!(c, '\\' | '&' | '|') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_http_mirror_is_marked_and_loses_its_scheme() {
        let text =
            registries_conf(&BTreeMap::from([("docker.io".into(), "http://mirror.test:5000/hub/".into())]));
        assert!(text.contains("location = \"mirror.test:5000/hub\"\ninsecure = true"), "{text}");
    }

    #[test]
    fn a_variable_reaches_the_runtime_whatever_it_holds() {
        let Some(sh) = test_parts::tool("sh", "a_variable_reaches_the_runtime_whatever_it_holds") else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let value = r#"a'b"c\d&e|f$(g) ${h}"#;
        let script = runtime_script(Path::new("true"), &BTreeMap::from([("NAME".into(), value.into())]));
        std::fs::write(folder.path().join("runtime"), script).unwrap();
        let before = r#"{"process":{"args":["x,\"env\":["],"env":["PATH=/bin"]}}"#;
        std::fs::write(folder.path().join("config.json"), before).unwrap();
        let status = sh
            .command()
            .arg(folder.path().join("runtime"))
            .args(["create", "--bundle"])
            .arg(folder.path())
            .arg("id")
            .status()
            .unwrap();
        assert!(status.success());
        let after = std::fs::read(folder.path().join("config.json")).unwrap();
        let after: serde_json::Value = serde_json::from_slice(&after).unwrap();
        assert_eq!(after["process"]["env"], serde_json::json!([format!("NAME={value}"), "PATH=/bin"]));
        assert_eq!(after["process"]["args"], serde_json::json!(["x,\"env\":["]));
    }
}
