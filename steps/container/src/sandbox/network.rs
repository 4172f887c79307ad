//! Which network a tool and all that it starts can see.
//!
//! Every tool also gets a mount namespace of its own: whatever it mounts vanishes with its last process, also when
//! it was killed.

use std::ffi::OsString;
use std::path::Path;

use engine_ports::ToolCommand;

/// The name server inside a namespace with egress.
pub(crate) const DNS: &str = "10.0.2.3";

const SCRIPT: &str = include_str!("netns.sh");

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Nothing but an own loopback.
    None,
    /// The outside, but not this machine's loopback.
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
/// `folder` does not exist yet and is for this command alone. Without `root`, the program's own `unshare` makes a
/// user namespace around it first.
pub(crate) fn wrap(command: ToolCommand, network: Network, folder: &Path, root: bool) -> ToolCommand {
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
        words.push(folder.into());
    }
    words.push(command.program.clone().into());
    words.extend(command.args.iter().cloned());
    let program = words.remove(0).to_string_lossy().into_owned();
    ToolCommand { program, args: words, ..command }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(network: Network, root: bool) -> Vec<String> {
        let command = ToolCommand::new("buildah", "/w").arg("push");
        let wrapped = wrap(command, network, Path::new("/w/net"), root);
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
        assert_eq!(words[4..], ["/w/net", "buildah", "push"]);
    }

    #[test]
    fn without_root_the_tool_makes_the_user_namespace() {
        assert_eq!(words(Network::None, false)[..4], ["buildah", "unshare", "--", "unshare"]);
    }
}
