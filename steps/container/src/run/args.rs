//! The command lines of podman, as pure functions of what is asked.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::sandbox::{DNS, FIRST_ID, IDS, Network};

/// A folder of the worker that the container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) source: PathBuf,
    /// Absolute, in the container.
    pub(crate) target: String,
    pub(crate) read_only: bool,
}

/// All that a container's command line depends on.
#[derive(Debug, Clone)]
pub(crate) struct Container<'a> {
    pub(crate) image: &'a str,
    /// The whole command, in place of the image's own entrypoint and command.
    pub(crate) argv: Option<&'a [String]>,
    /// Variables that no file can hold; everybody on the worker can read them.
    pub(crate) env: &'a BTreeMap<String, String>,
    /// On the worker: the file with all others.
    pub(crate) env_file: &'a Path,
    pub(crate) mounts: &'a [Mount],
    pub(crate) network: Network,
    pub(crate) read_only: bool,
    pub(crate) memory: Option<u64>,
    pub(crate) cpus: Option<f64>,
    pub(crate) pids: u64,
    pub(crate) user: Option<&'a str>,
    pub(crate) workdir: Option<&'a str>,
    pub(crate) cgroup_parent: Option<&'a str>,
    /// Whether the factory is root: then the container gets ids of its own.
    pub(crate) root: bool,
}

/// What podman takes in front of its command, besides the flags of the storage.
pub(crate) fn global(runtime: &Path, state: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["--tmpdir".into(), state.into(), "--runtime".into(), runtime.into()];
    args.extend(["--cgroup-manager=cgroupfs", "--log-level=error"].map(OsString::from));
    args
}

/// Takes the one image of the OCI layout `folder` into the storage; prints its id.
///
/// `folder` is relative to where podman runs: podman makes a name of an image out of it, and a whole path may hold
/// what no name may.
pub(crate) fn import(folder: &str) -> Vec<OsString> {
    vec!["pull".into(), "--quiet".into(), format!("oci:{folder}").into()]
}

/// `podman run` for `container`.
pub(crate) fn run(container: &Container<'_>) -> Vec<OsString> {
    let mut args: Vec<OsString> = [
        "run",
        "--rm",
        "--pull=never",
        "--log-driver=none",
        "--http-proxy=false",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        "--hostname=factory",
    ]
    .map(OsString::from)
    .to_vec();
    let mut flag = |text: String| args.push(text.into());
    if let Some(parent) = container.cgroup_parent {
        flag(format!("--cgroup-parent={parent}"));
    }
    // podman itself runs in the step's own network, so `host` means that one, never the worker's.
    match container.network {
        Network::None | Network::Host => flag("--network=none".to_owned()),
        Network::Egress => {
            flag("--network=host".to_owned());
            flag(format!("--dns={DNS}"));
        }
    }
    if container.root {
        flag(format!("--uidmap=0:{FIRST_ID}:{IDS}"));
        flag(format!("--gidmap=0:{FIRST_ID}:{IDS}"));
    }
    if container.read_only {
        flag("--read-only".to_owned());
        flag("--read-only-tmpfs=true".to_owned());
    }
    if let Some(bytes) = container.memory {
        flag(format!("--memory={bytes}"));
        flag(format!("--memory-swap={bytes}"));
    }
    if let Some(cpus) = container.cpus {
        flag(format!("--cpus={cpus}"));
    }
    flag(format!("--pids-limit={}", container.pids));
    if let Some(user) = container.user {
        flag(format!("--user={user}"));
    }
    if let Some(workdir) = container.workdir {
        flag(format!("--workdir={workdir}"));
    }
    let mut file = OsString::from("--env-file=");
    file.push(container.env_file);
    args.push(file);
    let mut flag = |text: String| args.push(text.into());
    for (name, value) in container.env {
        flag(format!("--env={name}={value}"));
    }
    let (entrypoint, rest) = container.argv.map_or((None, &[][..]), |argv| (argv.first(), &argv[1..]));
    if let Some(program) = entrypoint {
        flag(format!("--entrypoint={}", serde_json::json!([program])));
    }
    for mount in container.mounts {
        let mut volume = OsString::from("--volume=");
        volume.push(&mount.source);
        volume.push(format!(":{}:{}", mount.target, if mount.read_only { "ro" } else { "rw" }));
        args.push(volume);
    }
    args.push(container.image.into());
    args.extend(rest.iter().map(OsString::from));
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(network: Network, argv: Option<&[String]>) -> Vec<String> {
        let mount = Mount { source: "/w/in".into(), target: "/in".into(), read_only: true };
        let container = Container {
            image: "abc",
            argv,
            env: &BTreeMap::from([("A".into(), "b\nc".into())]),
            env_file: Path::new("/w/variables"),
            mounts: &[mount],
            network,
            read_only: true,
            memory: Some(1024),
            cpus: None,
            pids: 10,
            user: None,
            workdir: None,
            cgroup_parent: Some("/image-factory/x-1"),
            root: true,
        };
        run(&container).into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn a_container_has_no_rights_and_no_network_unless_asked() {
        let args = args(Network::None, None);
        for word in [
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            "--network=none",
            "--volume=/w/in:/in:ro",
            "--env-file=/w/variables",
            "--env=A=b\nc",
            "--memory-swap=1024",
        ] {
            assert!(args.contains(&word.to_owned()), "{word}");
        }
        assert_eq!(args.last().unwrap(), "abc");
    }

    #[test]
    fn a_command_stands_in_place_of_the_entrypoint() {
        let argv = ["/bin/echo".to_owned(), "--help".to_owned()];
        let words = args(Network::Egress, Some(&argv));
        assert!(words.contains(&r#"--entrypoint=["/bin/echo"]"#.to_owned()));
        assert_eq!(words[words.len() - 2..], ["abc", "--help"]);
        assert!(words.contains(&"--network=host".to_owned()), "the namespace around podman is the network");
    }
}
