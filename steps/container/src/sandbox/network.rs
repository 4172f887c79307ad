//! Which network a tool and all that it starts can see.
//!
//! Every tool also gets a mount namespace of its own: whatever it mounts vanishes with its last process, also when
//! it was killed.

use std::ffi::OsString;
use std::path::Path;

use engine_ports::{StepSettings, ToolCommand};

/// The name server inside a namespace with egress.
pub(crate) const DNS: &str = "10.0.2.3";

const SCRIPT: &str = include_str!("netns.sh");

/// Networks that no container reaches: link-local ones and the addresses at which clouds tell a machine its secrets.
const METADATA: [&str; 7] = [
    "169.254.0.0/16",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
    "fe80::/10",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
];

/// Networks that are nobody's in public, besides the one of the namespace itself.
const PRIVATE: [&str; 5] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];

/// The networks that containers with egress do not reach.
pub(crate) fn cut_off(settings: &StepSettings) -> Vec<&'static str> {
    let private = PRIVATE.iter().filter(|_| settings.egress_public_only);
    METADATA.iter().chain(private).copied().collect()
}

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Nothing but an own loopback.
    None,
    /// The outside, but neither this machine's loopback nor what is cut off.
    Egress,
    /// The machine's own. Only for programs that run nothing of a tenant's, to fetch what the operator allows.
    Host,
}

impl Network {
    /// The words of the port `network`.
    pub(crate) const WORDS: [&str; 2] = ["none", "egress"];

    /// The network that the port asks for. Anything but `egress` is none.
    pub(crate) fn named(word: &str) -> Self {
        if word == "egress" { Self::Egress } else { Self::None }
    }
}

/// Whether this process is root, and so makes namespaces itself.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// `command` in namespaces of its own.
///
/// `folder` does not exist yet and is for this command alone. `cut` are networks that egress does not reach. Without `root`, the program's own `unshare` makes a
/// user namespace around it first.
pub(crate) fn wrap(
    command: ToolCommand,
    network: Network,
    folder: &Path,
    cut: &[&str],
    root: bool,
) -> ToolCommand {
    let mut words: Vec<OsString> = Vec::new();
    if !root {
        words.extend([command.program.clone(), "unshare".to_owned(), "--".to_owned()].map(OsString::from));
    }
    let namespaces: &[&str] = match network {
        Network::None => &["unshare", "--mount", "--net", "--propagation", "private"],
        Network::Host => &["unshare", "--mount", "--propagation", "private"],
        Network::Egress => &["sh", "-c", SCRIPT, "sh"],
    };
    words.extend(namespaces.iter().map(OsString::from));
    if network == Network::Egress {
        words.extend([folder.into(), cut.join(" ").into()]);
    }
    words.push(command.program.clone().into());
    words.extend(command.args.iter().cloned());
    let program = words.remove(0).to_string_lossy().into_owned();
    ToolCommand { program, args: words, ..command }
}

#[cfg(test)]
mod tests {
    use engine_ports::Action as _;
    use steps_kit::harness::Harness;

    use super::*;

    fn words(network: Network, root: bool) -> Vec<String> {
        let command = ToolCommand::new("buildah", "/w").arg("push");
        let wrapped = wrap(command, network, Path::new("/w/net"), &["10.0.0.0/8", "fe80::/10"], root);
        let args = wrapped.args.iter().map(|arg| arg.to_string_lossy().into_owned());
        std::iter::once(wrapped.program.clone()).chain(args).collect()
    }

    #[test]
    fn no_network_is_an_empty_namespace() {
        let expected = ["unshare", "--mount", "--net", "--propagation", "private", "buildah", "push"];
        assert_eq!(words(Network::None, true), expected);
        assert_eq!(Network::named("host"), Network::None);
    }

    #[test]
    fn egress_never_shares_the_network_of_the_host() {
        let words = words(Network::Egress, true);
        assert_eq!(words[0], "sh");
        assert!(words[2].contains("--net") && words[2].contains("--disable-host-loopback"));
        assert_eq!(words[4..], ["/w/net", "10.0.0.0/8 fe80::/10", "buildah", "push"]);
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the script alone, which ends by itself, with a PATH of its own"
    )]
    fn a_worker_without_ip_is_told_so_once_and_starts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("programs");
        std::fs::create_dir(&programs).unwrap();
        let mkfifo = ["/usr/bin/mkfifo", "/bin/mkfifo"].into_iter().find(|path| Path::new(path).exists());
        std::os::unix::fs::symlink(mkfifo.unwrap(), programs.join("mkfifo")).unwrap();
        let mut script = std::process::Command::new("/bin/sh");
        script.args(["-c", SCRIPT, "sh"]).arg(folder.path()).args(["169.254.0.0/16", "touch", "started"]);
        let output = script.current_dir(&folder).env("PATH", &programs).output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.lines().count() == 1 && said.contains("the program ip is missing"), "{said}");
        assert!(!folder.path().join("started").exists());
    }

    #[test]
    fn without_root_the_tool_makes_the_user_namespace() {
        assert_eq!(words(Network::None, false)[..4], ["buildah", "unshare", "--", "unshare"]);
    }

    /// What the kernel of a namespace with egress says about the way to `address`.
    async fn way(settings: &StepSettings, address: &str) -> String {
        let harness = Harness::new();
        let action = crate::Run::new();
        let ctx = harness.context(&action);
        let (folder, cut) = (ctx.work.join("net"), cut_off(settings));
        std::fs::create_dir(&folder).unwrap();
        let script = "exec 2>&1; ip -o route get \"$1\"; echo";
        let command = ToolCommand::new("sh", &ctx.work).args(["-c", script, "sh", address]).capture(4096);
        let command = wrap(command, Network::Egress, &folder, &cut, is_root());
        let exit = steps_kit::Tools::of(&ctx, action.manifest()).run_any(command).await.unwrap();
        assert!(exit.success(), "{}", harness.log.text());
        String::from_utf8_lossy(&exit.stdout).into_owned()
    }

    #[tokio::test]
    async fn egress_reaches_no_metadata_and_private_ranges_unless_cut_with_slirp4netns() {
        const TEST: &str = "egress_reaches_no_metadata_and_private_ranges_unless_cut_with_slirp4netns";
        if ["slirp4netns", "ip"].iter().any(|tool| test_parts::tool(tool, TEST).is_none()) || !is_root() {
            return;
        }
        let open = StepSettings::default();
        let closed = StepSettings { egress_public_only: true, ..StepSettings::default() };
        for (settings, address, reached) in [
            (&open, "169.254.169.254", false),
            (&open, "100.100.100.200", false),
            (&open, "fd00:ec2::254", false),
            (&open, "192.168.7.7", true),
            (&open, "1.1.1.1", true),
            (&closed, "169.254.169.254", false),
            (&closed, "192.168.7.7", false),
            (&closed, "10.7.7.7", false),
            (&closed, DNS, true),
            (&closed, "1.1.1.1", true),
        ] {
            let said = way(settings, address).await;
            assert_eq!(said.contains("dev tap0"), reached, "{address}: {said}");
        }
    }
}
