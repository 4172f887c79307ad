//! The files that configure buildah and podman for one attempt.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use engine_ports::{ActionError, StepContext};
use steps_kit::{blocking, io_failed};

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

/// Writes `text` to `file`, which does not exist, for this process's user alone.
pub(crate) async fn write_private(file: PathBuf, text: String, mode: u32) -> Result<(), ActionError> {
    blocking(move || {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = std::fs::OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(mode).open(&file);
        opened.and_then(|mut opened| opened.write_all(text.as_bytes())).map_err(io_failed("write", &file))
    })
    .await
}

/// A text as TOML and JSON both read it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
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
}
