//! What the text of a repository's URL says: how it is reached, and at which host.

use super::host::Host;

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

    /// The port that a URL means when it names none.
    pub(super) const fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Ssh => 22,
            Self::Http => 80,
            Self::Git => 9418,
            // Never looked at: a file has no host.
            Self::File => 0,
        }
    }

    pub(super) const fn is_for_tenants(self) -> bool {
        matches!(self, Self::Https | Self::Ssh | Self::File)
    }
}

/// What a URL says; a file has no host.
pub(super) struct Parsed {
    pub(super) transport: Transport,
    pub(super) host: Option<(Host, Option<u16>)>,
}

/// Reads a URL of one of the known forms.
pub(super) fn parse(url: &str) -> Result<Parsed, &'static str> {
    if url.len() > 2048 || url.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("is too long or holds control characters");
    }
    if url.starts_with('/') {
        return Ok(Parsed { transport: Transport::File, host: None });
    }
    if url.contains(' ') {
        return Err("holds spaces");
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        // `user@host:path`, as scp writes it.
        return match url.split_once(':') {
            Some((authority, path)) if !path.is_empty() && !path.starts_with(':') => {
                Ok(Parsed { transport: Transport::Ssh, host: Some(authority_of(authority)?) })
            }
            _ => Err("is not a repository's URL"),
        };
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let transport = match scheme {
        "file" if rest.starts_with('/') => return Ok(Parsed { transport: Transport::File, host: None }),
        "file" => return Err("names a host; a file URL has three slashes"),
        "https" => Transport::Https,
        "http" => Transport::Http,
        "git" => Transport::Git,
        "ssh" => Transport::Ssh,
        _ => return Err("has a protocol that is not allowed"),
    };
    if transport != Transport::Ssh && authority.contains('@') {
        return Err(
            "holds credentials; put them into a secret and give it as `credentials` (of a step), or `--credentials-secret` (of a project)",
        );
    }
    Ok(Parsed { transport, host: Some(authority_of(authority)?) })
}

/// A host, with user and port perhaps, that no program could take for an option.
fn authority_of(authority: &str) -> Result<(Host, Option<u16>), &'static str> {
    const NO_HOST: &str = "has no proper host";
    let (user, place) = authority.split_once('@').unwrap_or(("git", authority));
    if user.contains(':') {
        return Err(
            "holds a password; put it into a secret and give it as `credentials` (of a step), or `--credentials-secret` (of a project)",
        );
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if user.is_empty() || user.starts_with('-') || !user.bytes().all(plain) {
        return Err(NO_HOST);
    }
    // Colons within brackets belong to an address.
    let end = place.rfind(']').map_or(0, |at| at + 1);
    let colon = place[end..].find(':').map(|at| at + end);
    let (host, port) = colon.map_or((place, None), |at| (&place[..at], Some(&place[at + 1..])));
    let port = port.map(|port| port.parse().map_err(|_| "has no proper port")).transpose()?;
    Ok((Host::read(host)?, port))
}

/// For messages: a password that somebody wrote into a URL is not repeated.
pub(super) fn without_userinfo(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host..])
        }
        None => url.to_owned(),
    }
}
