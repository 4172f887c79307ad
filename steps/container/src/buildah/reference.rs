//! Names of images in registries, in full.

use std::fmt;
use std::str::FromStr;

/// Why a text names no image of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    #[error("names a file or a daemon of the worker, not an image of a registry")]
    Transport,
    #[error("is no name of an image")]
    Malformed,
}

/// The name of an image with its host: `docker.io/library/debian:12`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ImageName {
    /// The registry's host, with its port where it names one.
    pub(crate) host: String,
    /// The repository below the host.
    pub(crate) repository: String,
    /// The tag, unless only a digest is named.
    pub(crate) tag: Option<String>,
    /// The digest, where one is named: then the content can never change.
    pub(crate) digest: Option<String>,
}

/// What buildah takes for the way to an image when it stands before a colon.
const TRANSPORTS: [&str; 13] = [
    "atomic",
    "containers-storage",
    "dir",
    "docker",
    "docker-archive",
    "docker-daemon",
    "http",
    "https",
    "oci",
    "oci-archive",
    "ostree",
    "sif",
    "tarball",
];

impl FromStr for ImageName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.split_once(':').is_some_and(|(way, _)| TRANSPORTS.contains(&way)) {
            return Err(NameError::Transport);
        }
        let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (rest, None),
        };
        let (host, repository) = match path.split_once('/') {
            Some((host, repository)) if host.contains(['.', ':']) || host == "localhost" => {
                (host, repository.to_owned())
            }
            Some(_) => ("docker.io", path.to_owned()),
            None => ("docker.io", format!("library/{path}")),
        };
        let word = |text: &str, also: &[u8]| {
            !text.is_empty()
                && text.len() <= 128
                && text.starts_with(|c: char| c.is_ascii_alphanumeric() || (also == TAG && c == '_'))
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || also.contains(&b))
        };
        let valid = word(host, HOST)
            && repository.split('/').all(|part| word(part, PART))
            && tag.is_none_or(|tag| word(tag, TAG))
            && digest.is_none_or(|digest| digest.parse::<vocab::Digest>().is_ok());
        if !valid {
            return Err(NameError::Malformed);
        }
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Self { host: host.to_owned(), repository, tag, digest: digest.map(str::to_owned) })
    }
}

const HOST: &[u8] = b".-:";
const PART: &[u8] = b"._-";
const TAG: &[u8] = b"._-ABCDEFGHIJKLMNOPQRSTUVWXYZ";

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_get_the_host_that_everybody_means() {
        for (text, full) in [
            ("debian", "docker.io/library/debian:latest"),
            ("grafana/grafana:11", "docker.io/grafana/grafana:11"),
            ("localhost/base", "localhost/base:latest"),
            ("registry.test:5000/a/b:V1", "registry.test:5000/a/b:V1"),
        ] {
            assert_eq!(text.parse::<ImageName>().map(|name| name.to_string()), Ok(full.to_owned()));
        }
        let pinned = format!("debian@sha256:{}", "a".repeat(64));
        assert_eq!(pinned.parse::<ImageName>().unwrap().tag, None);
    }

    #[test]
    fn hostile_names_are_refused() {
        for text in
            ["", "/", "../x", "a//b", "A", "x:", "x@sha256:00", "-x", "a b", "x:y:z/", "oci:/x", "dir:x"]
        {
            assert!(text.parse::<ImageName>().is_err(), "{text}");
        }
    }
}
