//! Which repository a URL names, and whether it may be reached.

use std::path::{Path, PathBuf};

use engine_ports::{ActionError, StepSettings};

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Https,
    Ssh,
    File,
    /// Only where the operator's mirror map leads there.
    Http,
    /// Only where the operator's mirror map leads there.
    Git,
}

impl Transport {
    /// The name that Git's list of allowed protocols has for it.
    pub(crate) const fn protocol(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Ssh => "ssh",
            Self::File => "file",
            Self::Http => "http",
            Self::Git => "git",
        }
    }

    const fn is_for_tenants(self) -> bool {
        matches!(self, Self::Https | Self::Ssh | Self::File)
    }
}

/// A repository that may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// What Git is given; holds no credential.
    pub(crate) url: String,
    pub(crate) transport: Transport,
}

const HELP: &str =
    "use https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH or file:///PATH below a configured root";

/// Whether steps may fetch from `url` under these settings. For those who register projects.
pub fn check_url(url: &str, settings: &StepSettings) -> Result<(), ActionError> {
    locate(url, settings).map(drop)
}

/// Reads a tenant's URL, applies the operator's mirrors, and checks it.
pub(crate) fn locate(url: &str, settings: &StepSettings) -> Result<Location, ActionError> {
    let refuse = |why: &str| {
        let shown: String = without_userinfo(url).chars().take(200).flat_map(char::escape_debug).collect();
        ActionError::permanent(format!("the repository URL `{shown}` {why}")).help(HELP)
    };
    let transport = transport_of(url).map_err(refuse)?;
    if !transport.is_for_tenants() {
        return Err(refuse("has a protocol that is not allowed"));
    }
    let mirrored = mirrored(url, settings);
    let url = mirrored.as_deref().unwrap_or(url);
    let transport = transport_of(url).map_err(refuse)?;
    if transport != Transport::File {
        return Ok(Location { url: url.to_owned(), transport });
    }
    let path =
        below_roots(url.strip_prefix("file://").unwrap_or(url), &settings.git_roots).map_err(refuse)?;
    Ok(Location { url: file_url(&path), transport })
}

/// The URL with the longest prefix of the mirror map replaced.
fn mirrored(url: &str, settings: &StepSettings) -> Option<String> {
    let matching =
        settings.mirrors.git.iter().filter_map(|(from, to)| Some((url.strip_prefix(from.as_str())?, to)));
    matching.min_by_key(|(rest, _)| rest.len()).map(|(rest, to)| format!("{to}{rest}"))
}

fn transport_of(url: &str) -> Result<Transport, &'static str> {
    if url.len() > 2048 || url.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("is too long or holds control characters");
    }
    if url.starts_with('/') {
        return Ok(Transport::File);
    }
    if url.contains(' ') {
        return Err("holds spaces");
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        // `user@host:path`, as scp writes it.
        return match url.split_once(':') {
            Some((host, path)) if !path.is_empty() && !path.starts_with(':') => {
                check_host(host).map(|()| Transport::Ssh)
            }
            _ => Err("is not a repository's URL"),
        };
    };
    let authority = rest.split('/').next().unwrap_or_default();
    match scheme {
        "file" if rest.starts_with('/') => Ok(Transport::File),
        "file" => Err("names a host; a file URL has three slashes"),
        "https" | "http" | "git" if authority.contains('@') => {
            Err("holds credentials; put them into a secret and give it as `credentials`")
        }
        "https" => check_host(authority).map(|()| Transport::Https),
        "http" => check_host(authority).map(|()| Transport::Http),
        "git" => check_host(authority).map(|()| Transport::Git),
        "ssh" => check_host(authority).map(|()| Transport::Ssh),
        _ => Err("has a protocol that is not allowed"),
    }
}

/// A host, with user and port perhaps, that no program could take for an option.
fn check_host(authority: &str) -> Result<(), &'static str> {
    let (user, host) = authority.split_once('@').unwrap_or(("git", authority));
    if user.contains(':') {
        return Err("holds a password; put it into a secret and give it as `credentials`");
    }
    let plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:[]".contains(&byte))
    };
    if plain(user) && plain(host) { Ok(()) } else { Err("has no proper host") }
}

/// The real place of a local repository, which must lie below a configured root.
fn below_roots(path: &str, roots: &[PathBuf]) -> Result<PathBuf, &'static str> {
    const OUTSIDE: &str = "lies below none of the configured `git_roots`";
    let real = Path::new(path).canonicalize();
    let allowed = |real: &Path| {
        roots.iter().filter_map(|root| root.canonicalize().ok()).any(|root| real.starts_with(root))
    };
    match real {
        Ok(real) if allowed(&real) => Ok(real),
        // Whether something lies outside of the roots is nobody's business.
        _ => Err(OUTSIDE),
    }
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

/// For messages: a password that somebody wrote into a URL is not repeated.
fn without_userinfo(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host..])
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> StepSettings {
        StepSettings::default()
    }

    #[test]
    fn only_https_ssh_and_files_below_a_root_are_reached() {
        for url in ["https://host/a/b.git", "ssh://git@host:2222/a", "git@host:a/b.git"] {
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
        ] {
            assert!(locate(url, &settings()).is_err(), "{url}");
        }
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
