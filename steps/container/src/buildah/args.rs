//! The command lines of buildah, as pure functions of what is asked.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use vocab::Isolation;

use crate::arch::Arch;
use crate::sandbox::{APT_IN_CONTAINER, CA_IN_CONTAINER, DNS, FIRST_ID, IDS, Network};

/// The one name of the image that a build makes, within its private storage.
pub(crate) const RESULT: &str = "localhost/image-factory/result:latest";

/// The one name of the base, within the private storage. It is part of the image's digest.
pub(crate) const BASE: &str = "localhost/image-factory/base:latest";

/// The one name of a further image that the workflow lends to the build.
pub(crate) fn lent_image(name: &str) -> String {
    format!("localhost/image-factory/images/{}:latest", name.to_ascii_lowercase())
}

/// What `RUN` may not do although the tool lets it, besides what the tool itself keeps from it: nothing of that is
/// needed to install packages. A file's own capabilities (`SETFCAP`) would name an id of the worker in the image;
/// packages that set some fall back to something else where they cannot.
const DROPPED: [&str; 5] = ["CAP_AUDIT_WRITE", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETPCAP"];

/// All that a build's command line depends on.
#[derive(Debug, Clone)]
pub(crate) struct Build<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) file: &'a Path,
    pub(crate) arguments: &'a BTreeMap<String, String>,
    pub(crate) labels: &'a BTreeMap<String, String>,
    pub(crate) target: Option<&'a str>,
    pub(crate) arch: Arch,
    pub(crate) timestamp: i64,
    pub(crate) network: Network,
    pub(crate) isolation: Isolation,
    pub(crate) root: bool,
    /// The runtime for `RUN`, and where it keeps its state.
    pub(crate) runtime: &'a Path,
    pub(crate) runtime_state: &'a Path,
    pub(crate) cgroup_parent: Option<&'a str>,
    /// In bytes.
    pub(crate) memory: u64,
    /// On the worker: authorities to show to the build.
    pub(crate) authorities: Option<&'a Path>,
    /// On the worker: the folder that lets apt fetch from mirrors.
    pub(crate) apt: Option<&'a Path>,
}

impl Build<'_> {
    /// Whether root of the build is nobody on the worker. Without root, that is so in any case.
    pub(crate) fn own_ids(&self) -> bool {
        self.root && self.isolation == Isolation::Oci
    }
}

/// `buildah bud` for `build`, after the flags of the storage.
pub(crate) fn bud(build: &Build<'_>) -> Vec<OsString> {
    let mut args =
        words(&["bud", "--pull=never", "--layers=false", "--format=oci", "--identity-label=false"]);
    args.push(format!("--timestamp={}", build.timestamp).into());
    args.push(format!("--arch={}", build.arch.name()).into());
    args.extend([OsString::from("--tag"), RESULT.into()]);
    let chroot = build.isolation == Isolation::Chroot;
    let isolation = match (chroot, build.root) {
        (true, _) => "chroot",
        (false, true) => "oci",
        (false, false) => "rootless",
    };
    args.push(format!("--isolation={isolation}").into());
    // buildah itself runs in the step's own network, so `host` means that one, never the worker's.
    let own = build.network == Network::None && !chroot;
    args.push(if own { "--network=none" } else { "--network=host" }.into());
    if build.network == Network::Egress {
        args.push(format!("--dns={DNS}").into());
    }
    if !chroot {
        args.extend(["--runtime".into(), build.runtime.into()]);
        args.push(prefixed("--runtime-flag=root=", build.runtime_state));
        args.extend(build.cgroup_parent.map(|parent| format!("--cgroup-parent={parent}").into()));
        // With `chroot`, `/dev` is the worker's.
        for (lent, shown) in [(build.authorities, CA_IN_CONTAINER), (build.apt, APT_IN_CONTAINER)] {
            if let Some(lent) = lent {
                let mut volume = prefixed("--volume=", lent);
                volume.push(format!(":{shown}:ro"));
                args.push(volume);
            }
        }
    }
    args.extend(DROPPED.map(|name| format!("--cap-drop={name}").into()));
    if build.own_ids() {
        args.push(format!("--userns-uid-map=0:{FIRST_ID}:{IDS}").into());
        args.push(format!("--userns-gid-map=0:{FIRST_ID}:{IDS}").into());
    }
    args.push(format!("--memory={}", build.memory).into());
    if let Some(target) = build.target {
        args.push(format!("--target={target}").into());
    }
    for (name, value) in build.arguments {
        args.push(format!("--build-arg={name}={value}").into());
    }
    for (name, value) in build.labels {
        args.push(format!("--label={name}={value}").into());
    }
    args.push("--file".into());
    args.push(build.file.into());
    args.push(build.folder.into());
    args
}

/// Takes the one image of the OCI layout `folder` into the storage; prints its id.
///
/// `folder` is relative to where buildah runs: buildah makes a name of an image out of it, and a whole path may hold
/// what no name may.
pub(crate) fn import(folder: &str) -> Vec<OsString> {
    words(&["pull", "--quiet", &format!("oci:{folder}")])
}

/// Fetches `name` from its registry; prints its id.
pub(crate) fn fetch(name: &str, arch: Arch) -> Vec<OsString> {
    words(&["pull", "--quiet", "--policy=always", "--arch", arch.name(), name])
}

/// Gives the image `id` a name.
pub(crate) fn tag(id: &str, name: &str) -> Vec<OsString> {
    words(&["tag", id, name])
}

/// Prints how many instructions the image `id` wants to have run in front of a build's own.
pub(crate) fn triggers(id: &str) -> Vec<OsString> {
    words(&["inspect", "--type=image", "--format={{len .Docker.Config.OnBuild}}", id])
}

/// Writes the result to the OCI layout `layout`, which does not exist.
pub(crate) fn export(layout: &Path) -> Vec<OsString> {
    let mut args = words(&["push", "--quiet", "--format=oci", RESULT]);
    args.push(prefixed("oci:", layout));
    args
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn prefixed(prefix: &str, path: &Path) -> OsString {
    let mut word = OsString::from(prefix);
    word.push(path);
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(network: Network, isolation: Isolation) -> Vec<String> {
        let arguments = BTreeMap::from([("BASE".to_owned(), BASE.to_owned())]);
        let build = Build {
            folder: Path::new("/w/context/image"),
            file: Path::new("/w/Containerfile"),
            arguments: &arguments,
            labels: &BTreeMap::new(),
            target: None,
            arch: Arch::Amd64,
            timestamp: 0,
            network,
            isolation,
            root: true,
            runtime: Path::new("/w/runtime"),
            runtime_state: Path::new("/w/state"),
            cgroup_parent: Some("/image-factory/x-1"),
            memory: 1024,
            authorities: Some(Path::new("/w/authorities.pem")),
            apt: Some(Path::new("/w/apt")),
        };
        bud(&build).into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn a_build_reads_no_registry_and_no_clock() {
        let args = build(Network::None, Isolation::Oci);
        for word in ["--pull=never", "--timestamp=0", "--isolation=oci", "--network=none", "--arch=amd64"] {
            assert!(args.contains(&word.to_owned()), "{word}");
        }
        assert!(args.contains(&"--userns-uid-map=0:1073741824:65536".to_owned()));
        assert!(args.contains(&"--userns-gid-map=0:1073741824:65536".to_owned()));
        assert!(args.contains(&"--cap-drop=CAP_MKNOD".to_owned()));
        assert!(args.contains(&"--volume=/w/apt:/dev/image-factory/apt:ro".to_owned()));
        assert!(args.contains(&format!("--build-arg=BASE={BASE}")));
        assert!(!args.iter().any(|arg| arg.starts_with("--dns")));
    }

    #[test]
    fn a_build_in_a_changed_root_gets_nothing_that_needs_a_container() {
        let args = build(Network::None, Isolation::Chroot);
        assert!(args.contains(&"--network=host".to_owned()));
        assert!(
            !args.iter().any(|arg| arg.starts_with("--volume")
                || arg.starts_with("--r")
                || arg.starts_with("--userns")),
            "{args:?}"
        );
    }

    #[test]
    fn egress_asks_the_name_server_of_the_namespace() {
        assert!(build(Network::Egress, Isolation::Oci).contains(&format!("--dns={DNS}")));
    }
}
