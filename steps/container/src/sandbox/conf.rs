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

/// An image that is fetched by a digest, whatever its tag leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    /// As it is known: host, repository, tag.
    pub(crate) name: String,
    /// Host and repository.
    pub(crate) repository: String,
    pub(crate) digest: String,
}

impl Pin {
    /// Another name of the repository of the pin `number`. buildah notes as the result's base what contains the name
    /// behind FROM; under its own name, the digest would stand in place of the tag there.
    fn alias(number: usize) -> String {
        format!("pinned.invalid/{number}")
    }

    /// The name to fetch the image `name` by.
    pub(crate) fn fetched(pins: &[Self], name: &str) -> Option<String> {
        let (number, pin) = pins.iter().enumerate().find(|(_, pin)| pin.name == name)?;
        Some(format!("{}@{}", Self::alias(number), pin.digest))
    }
}

/// `registries.conf`: each host as the operator maps it, and the repositories of pinned images under their aliases.
pub(crate) fn registries_conf(registries: &BTreeMap<String, String>, pins: &[Pin]) -> String {
    let mut text =
        "unqualified-search-registries = [\"docker.io\"]\nshort-name-mode = \"disabled\"\n".to_owned();
    let mut add = |prefix: &str, location: &str, plain: bool| {
        // Writing to a `String` cannot fail.
        let _ = write!(
            text,
            "\n[[registry]]\nprefix = {}\nlocation = {}\ninsecure = {plain}\n",
            quoted(prefix),
            quoted(location)
        );
    };
    for (prefix, location) in registries {
        let (place, plain) = place(location);
        add(prefix, place, plain);
    }
    for (number, Pin { repository, .. }) in pins.iter().enumerate() {
        let below = |prefix: &str| {
            let rest = repository.strip_prefix(prefix)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(rest)
        };
        let mapped = registries.iter().filter_map(|(prefix, location)| Some((below(prefix)?, location)));
        // The longest prefix leaves the shortest rest, and is the one that counts.
        let (rest, location) = mapped.min_by_key(|(rest, _)| rest.len()).unwrap_or(("", repository));
        let (place, plain) = place(location);
        add(&Pin::alias(number), &format!("{place}{rest}"), plain);
    }
    text
}

/// Where a mirror is, without its scheme, and whether that was plain HTTP.
fn place(location: &str) -> (&str, bool) {
    let place = location.split_once("://").map_or(location, |(_, place)| place);
    (place.trim_end_matches('/'), location.starts_with("http://"))
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
        let text = registries_conf(
            &BTreeMap::from([("docker.io".into(), "http://mirror.test:5000/hub/".into())]),
            &[],
        );
        assert!(text.contains("location = \"mirror.test:5000/hub\"\ninsecure = true"), "{text}");
    }

    #[test]
    fn a_pinned_image_is_fetched_from_the_mirror_of_its_repository() {
        let mirrors =
            [("docker.io", "m.test/hub"), ("docker.io/library", "http://n.test"), ("docker.io/lib", "x")];
        let mirrors = mirrors.map(|(prefix, location)| (prefix.to_owned(), location.to_owned()));
        let pin = |repository: &str| Pin {
            name: format!("{repository}:12"),
            repository: repository.to_owned(),
            digest: "sha256:0".to_owned(),
        };
        let pins = [pin("docker.io/library/debian"), pin("docker.io/a/b")];
        let text = registries_conf(&mirrors.into(), &pins);
        for entry in [
            "prefix = \"pinned.invalid/0\"\nlocation = \"n.test/debian\"\ninsecure = true\n",
            "prefix = \"pinned.invalid/1\"\nlocation = \"m.test/hub/a/b\"\ninsecure = false\n",
        ] {
            assert!(text.contains(entry), "{text}");
        }
        let fetched = Pin::fetched(&pins, "docker.io/a/b:12");
        assert_eq!(fetched.as_deref(), Some("pinned.invalid/1@sha256:0"));
    }
}
