//! Which repository a URL names, and whether it may be reached.

use std::path::{Component, Path, PathBuf};

use engine_ports::{ActionError, StepSettings};

use super::host::Host;
use super::url::{Parsed, Transport, parse, without_userinfo};

/// A repository that may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// What Git is given; holds no credential.
    pub(crate) url: String,
    pub(crate) transport: Transport,
    /// Whether the operator chose the host: a mirror, or a folder below a root.
    pub(crate) vouched: bool,
    /// The name to look up before Git does, since a tenant wrote it.
    pub(crate) lookup: Option<Endpoint>,
}

/// A host's name and a port of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) port: u16,
}

const HELP: &str =
    "use https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH or file:///PATH below a configured root";

/// Whether steps may fetch from `url` under these settings. For those who register projects.
pub fn check_url(url: &str, settings: &StepSettings) -> Result<(), ActionError> {
    locate(url, settings).map(drop)
}

/// Reads a tenant's URL, applies the operator's mirrors, and checks it.
pub(crate) fn locate(url: &str, settings: &StepSettings) -> Result<Location, ActionError> {
    let shown: String = without_userinfo(url).chars().take(200).flat_map(char::escape_debug).collect();
    let refuse = |why: &str| ActionError::permanent(format!("the repository URL `{shown}` {why}")).help(HELP);
    if !parse(url).map_err(refuse)?.transport.is_for_tenants() {
        return Err(refuse("has a protocol that is not allowed"));
    }
    let (url, vouched) = mirrored(url, settings).unwrap_or_else(|| (url.to_owned(), false));
    let Parsed { transport, host } = parse(&url).map_err(refuse)?;
    let Some((host, port)) = host else {
        let path =
            below_roots(url.strip_prefix("file://").unwrap_or(&url), &settings.git_roots).map_err(refuse)?;
        return Ok(Location { url: file_url(&path), transport, vouched: true, lookup: None });
    };
    if vouched || host.is_listed(&settings.git_local_hosts) {
        return Ok(Location { url, transport, vouched, lookup: None });
    }
    if let Some(why) = host.forbidden() {
        return Err(out_of_reach(&format!("the repository URL `{shown}` leads to {why}")));
    }
    let lookup = match host {
        Host::Name(name) => Some(Endpoint { name, port: port.unwrap_or(transport.port()) }),
        Host::Address(_) => None,
    };
    Ok(Location { url, transport, vouched, lookup })
}

/// A host that only the operator can allow.
pub(super) fn out_of_reach(what: &str) -> ActionError {
    ActionError::permanent(format!("{what}; a workflow does not reach that")).help(
        "name the host by an address that others reach it by; if it is meant, the operator lists it in \
         `steps.git_local_hosts`",
    )
}

/// The URL with the longest prefix of the mirror map replaced, and whether the map names its whole host.
fn mirrored(url: &str, settings: &StepSettings) -> Option<(String, bool)> {
    let matching =
        settings.mirrors.git.iter().filter_map(|(from, to)| Some((url.strip_prefix(from.as_str())?, to)));
    let (rest, to) = matching.min_by_key(|(rest, _)| rest.len())?;
    // A prefix that ends within the host leaves the tenant to write the rest of it.
    let whole = match to.split_once("://") {
        Some((_, place)) => place.contains('/') || rest.starts_with('/'),
        None => to.contains(':') || to.starts_with('/'),
    };
    Some((format!("{to}{rest}"), whole))
}

/// The real place of a local repository, which must lie below a configured root.
fn below_roots(path: &str, roots: &[PathBuf]) -> Result<PathBuf, &'static str> {
    const OUTSIDE: &str = "lies below none of the folders of `steps.git_roots`";
    let real = Path::new(path).canonicalize();
    let allowed = |real: &Path| {
        roots.iter().filter_map(|root| root.canonicalize().ok()).any(|root| real.starts_with(root))
    };
    match real {
        Ok(real) if allowed(&real) => Ok(real),
        Err(_) if allowed_as_written(path, roots) => Err("is not there"),
        // Whether something lies outside of the roots is nobody's business.
        _ => Err(OUTSIDE),
    }
}

/// Whether the path lies below a root as it is written, for one that does not exist.
fn allowed_as_written(path: &str, roots: &[PathBuf]) -> bool {
    let path = Path::new(path);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    // The nearest folder that exists decides: a link may lead elsewhere.
    let nearest = path.ancestors().find_map(|folder| folder.canonicalize().ok());
    let below = |root: &PathBuf| {
        let root = root.canonicalize().ok();
        root.zip(nearest.as_ref()).is_some_and(|(root, nearest)| nearest.starts_with(root))
    };
    plain && roots.iter().any(below)
}

/// Git decodes `%xx` in file URLs, so everything unusual is written that way.
fn file_url(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let encoded = path.as_os_str().as_bytes().iter().map(|byte| match *byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    format!("file://{}", encoded.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> StepSettings {
        StepSettings::default()
    }

    #[test]
    fn only_https_ssh_and_files_below_a_root_are_reached() {
        for url in
            ["https://host/a/b.git", "ssh://git@host:2222/a", "git@host:a/b.git", "https://[fd12::1]:8443/a"]
        {
            assert!(locate(url, &settings()).is_ok(), "{url}");
        }
        for url in [
            "",
            "http://host/a",
            "git://host/a",
            "ext::sh -c id",
            "ext::sh%20-c%20id",
            "fd::3",
            "--upload-pack=id",
            "-oProxyCommand=id:x",
            "ssh://-oProxyCommand=id/x",
            "relative/path",
            "../up",
            "https://host/a b",
            "https://host\n/a",
            "file://host/a",
            "file:///etc",
            "/etc",
            "ftp://host/a",
            "https://host:port/a",
            "https://::1/a",
            "[fd12::1]:a",
            "git@[fd12::1]:a",
            "https://host?@other/a",
            "https://host\\@other/a",
        ] {
            assert!(locate(url, &settings()).is_err(), "{url}");
        }
    }

    #[test]
    fn the_worker_itself_and_metadata_are_reached_only_where_the_operator_lists_them() {
        for (url, listed) in [
            ("https://127.0.0.1:8443/a", "127.0.0.1"),
            ("https://localhost/a", "localhost"),
            ("https://169.254.169.254/latest", "169.254.169.254"),
            ("ssh://git@[::1]:2222/a", "::1"),
            ("git@127.0.0.1:a", "127.0.0.1"),
        ] {
            let error = locate(url, &settings()).unwrap_err();
            assert!(error.message.contains("leads to"), "{error}");
            assert!(error.help.unwrap().contains("steps.git_local_hosts"), "{url}");
            let settings = StepSettings { git_local_hosts: vec![listed.to_owned()], ..settings() };
            let location = locate(url, &settings).unwrap();
            assert_eq!((location.vouched, location.lookup), (false, None), "{url}");
        }
        let endpoint = |name: &str, port| Some(Endpoint { name: name.to_owned(), port });
        assert_eq!(
            locate("https://Git.Example/a", &settings()).unwrap().lookup,
            endpoint("git.example", 443)
        );
        assert_eq!(locate("git@host:a", &settings()).unwrap().lookup, endpoint("host", 22));
        assert_eq!(locate("ssh://host:2222/a", &settings()).unwrap().lookup, endpoint("host", 2222));
    }

    #[test]
    fn a_mirror_vouches_for_the_host_that_it_names_whole() {
        let mut settings = settings();
        let mut to = |from: &str, to: &str| {
            settings.mirrors.git = [(from.to_owned(), to.to_owned())].into();
            locate("https://code.example/x", &settings).map(|location| location.vouched)
        };
        assert_eq!(to("https://code.example/", "http://127.0.0.1:3000/").ok(), Some(true));
        assert_eq!(to("https://code.example", "http://127.0.0.1:3000").ok(), Some(true));
        assert_eq!(to("https://code.", "http://mirror.").ok(), Some(false));
        settings.mirrors.git = [("https://code.example".to_owned(), "http://127.0.0.1".to_owned())].into();
        assert!(locate("https://code.example.evil.example/x", &settings).is_ok_and(|it| !it.vouched));
        assert!(locate("https://code.example:1/x", &settings).is_err());
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        for url in ["https://user:hunter2@host/a", "https://hunter2@host/a", "ssh://git:hunter2@host/a"] {
            let error = locate(url, &settings()).unwrap_err();
            assert!(!error.message.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_link_does_not_lead_out_of_the_roots() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root with space");
        std::fs::create_dir_all(root.join("repo")).unwrap();
        std::fs::create_dir_all(folder.path().join("other")).unwrap();
        std::os::unix::fs::symlink("../other", root.join("door")).unwrap();
        let settings = StepSettings { git_roots: vec![root.clone()], ..settings() };
        let url = |path: &str| root.join(path).display().to_string();
        let inside = locate(&url("repo"), &settings).unwrap();
        assert!(inside.url.ends_with("root%20with%20space/repo"), "{inside:?}");
        for outside in [url("door"), url("../other"), url("nowhere"), format!("{}x", root.display())] {
            assert!(locate(&outside, &settings).is_err(), "{outside}");
        }
        // Only what would be allowed is said to be missing.
        let why = |url: &str| locate(url, &settings).unwrap_err().to_string();
        assert!(why(&url("nowhere")).contains("is not there"));
        for outside in [url("door/nowhere"), url("../nowhere"), "file:///nowhere/at/all".to_owned()] {
            assert!(why(&outside).contains("below none"), "{outside}");
        }
    }

    #[test]
    fn the_longest_mirror_wins_and_may_lead_where_a_tenant_may_not() {
        let mut settings = settings();
        settings.mirrors.git = [
            ("https://host/".to_owned(), "http://mirror/all/".to_owned()),
            ("https://host/team/".to_owned(), "git://mirror/team/".to_owned()),
        ]
        .into();
        assert_eq!(locate("https://host/x", &settings).unwrap().url, "http://mirror/all/x");
        assert_eq!(locate("https://host/team/x", &settings).unwrap().url, "git://mirror/team/x");
        assert!(locate("http://mirror/all/x", &settings).is_err());
    }
}
