//! The command line of mmdebstrap, as a pure function of what is asked.

use std::ffi::OsString;
use std::path::Path;

use super::mirror::{Archive, public_sources};
use crate::arch::Arch;

/// How much of Debian goes into the root file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The essential packages alone, without apt.
    Essential,
    /// Essential packages and apt.
    Apt,
    /// As `apt`, without manual pages, translations and most of the documentation.
    Slim,
    /// As `apt`, with all packages of priority `required`.
    Minbase,
}

impl Variant {
    pub(crate) const DEFAULT: &str = "slim";
    pub(crate) const ALL: [Self; 4] = [Self::Essential, Self::Apt, Self::Slim, Self::Minbase];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Essential => "essential",
            Self::Apt => "apt",
            Self::Slim => "slim",
            Self::Minbase => "minbase",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }

    /// mmdebstrap's own word.
    const fn of_tool(self) -> &'static str {
        match self {
            Self::Slim => Self::Apt.name(),
            other => other.name(),
        }
    }
}

/// How mmdebstrap becomes root of what it builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In a user namespace.
    Unshare,
    /// As the real root.
    Root,
}

/// All that the command line depends on.
#[derive(Debug, Clone)]
pub(crate) struct Plan<'a> {
    pub(crate) suite: &'a str,
    pub(crate) variant: Variant,
    pub(crate) arch: Arch,
    /// Sorted, each once.
    pub(crate) packages: &'a [String],
    pub(crate) components: &'a [String],
    pub(crate) updates: bool,
    pub(crate) archives: &'a [Archive],
    pub(crate) mode: Mode,
    /// A PEM file with the authorities for an `https:` mirror.
    pub(crate) authorities: Option<&'a Path>,
    /// Folder for the `InRelease` files that apt really read. It exists.
    pub(crate) releases: &'a Path,
    /// The tar to write.
    pub(crate) target: &'a Path,
}

/// What a slim image leaves out, and what stays of that.
const SLIM: [&str; 6] = [
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
];

/// Hands out the signed files that apt read. They lie in a folder of their own for a moment, because a hook can only
/// copy whole folders out.
const COLLECT: &str = r#"mkdir "$1/.releases" && cp "$1"/var/lib/apt/lists/*_InRelease "$1/.releases/""#;

/// Takes the worker out of the image: mmdebstrap copies its host name and name servers, with their modes; apt's
/// options name the worker's proxy and authorities; logs and backups hold times.
const FORGET_WORKER: &str = r#"set -e
root=$1
rm -rf "$root/.releases"
rm -f "$root/etc/hostname" "$root/etc/resolv.conf" "$root/etc/hosts" "$root/etc/machine-id"
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
rm -f "$root"/var/log/*.log "$root"/var/log/apt/* "$root/var/cache/ldconfig/aux-cache"
echo localhost > "$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' > "$root/etc/hosts"
: > "$root/etc/resolv.conf"
chmod 0644 "$root/etc/hostname" "$root/etc/hosts" "$root/etc/resolv.conf"
"#;

/// The arguments for `plan`.
pub(crate) fn mmdebstrap(plan: &Plan<'_>) -> Vec<OsString> {
    let mode = match plan.mode {
        Mode::Unshare => "unshare",
        Mode::Root => "root",
    };
    let mut args: Vec<OsString> = [
        format!("--mode={mode}"),
        format!("--variant={}", plan.variant.of_tool()),
        format!("--architectures={}", plan.arch.name()),
        "--format=tar".to_owned(),
        // Runtimes fill `/dev` themselves, and without devices a tree can be unpacked by anybody.
        "--skip=output/dev".to_owned(),
    ]
    .map(OsString::from)
    .to_vec();
    if !plan.packages.is_empty() {
        args.push(format!("--include={}", plan.packages.join(",")).into());
    }
    if plan.variant == Variant::Slim {
        args.extend(SLIM.map(|option| format!("--dpkgopt={option}").into()));
    }
    if let Some(authorities) = plan.authorities {
        args.push(format!("--aptopt=Acquire::https::CaInfo \"{}\"", authorities.display()).into());
    }
    let sources = public_sources(plan.suite, plan.updates, plan.components);
    let sources = format!("printf '%s' '{sources}' > \"$1/etc/apt/sources.list\"");
    let releases = format!("sync-out /.releases {}", plan.releases.display());
    for hook in [COLLECT, &releases, FORGET_WORKER, &sources] {
        args.push(format!("--customize-hook={hook}").into());
    }
    args.extend([plan.suite.into(), plan.target.into()]);
    args.extend(plan.archives.iter().map(|archive| archive.line(plan.components, true).into()));
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_what_was_asked_and_nothing_of_the_worker_stays() {
        let archive = Archive { url: "http://m.test/debian".into(), suite: "bookworm".into() };
        let plan = Plan {
            suite: "bookworm",
            variant: Variant::Slim,
            arch: Arch::Amd64,
            packages: &["ca-certificates".into(), "curl".into()],
            components: &["main".into()],
            updates: false,
            archives: &[archive],
            mode: Mode::Unshare,
            authorities: None,
            releases: Path::new("/w/releases"),
            target: Path::new("/w/rootfs.tar"),
        };
        let args: Vec<_> = mmdebstrap(&plan).into_iter().map(|arg| arg.into_string().unwrap()).collect();
        assert!(args.contains(&"--include=ca-certificates,curl".to_owned()));
        assert_eq!(args[1], "--variant=apt");
        let after_options = args.iter().position(|arg| arg == "bookworm").unwrap();
        assert_eq!(
            args[after_options + 1..],
            [
                "/w/rootfs.tar",
                &format!(
                    "deb [signed-by={}] http://m.test/debian bookworm main",
                    super::super::mirror::KEYRING
                )
            ]
        );
        let last_hook = &args[after_options - 1];
        assert!(last_hook.contains("deb.debian.org") && !last_hook.contains("m.test"), "{last_hook}");
    }
}
