//! Who may do what: asked of a port, answered by the doors.

use std::fmt;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::model::RepositoryName;

/// Longest `Authorization` header that is read, in bytes.
const HEADER: usize = 16 * 1024;

/// A name and a secret, as `docker login` sends them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password or token. Never shown.
    pub secret: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See that the registry is there: `GET /v2/`.
    Ping,
    /// List repositories. Each one is asked for with [`Action::Pull`] as well.
    List,
    /// Read from a repository.
    Pull,
    /// Write to a repository, and make it.
    Push,
    /// Delete from a repository.
    Delete,
}

/// An action, and the repository that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `None` for [`Action::Ping`] and [`Action::List`]. It need not be there.
    pub repository: Option<RepositoryName>,
    /// What is to be done.
    pub action: Action,
}

/// Who acts. Stands in tag history and in events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its name, as people know it.
    pub name: String,
}

/// What an authorizer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may be done.
    Granted(Principal),
    /// Who asks must sign in first, or signed in wrongly: 401.
    Challenge,
    /// It may not be done, and whether the repository is there is not told: 404.
    Hidden,
    /// It cannot be decided now, such as when the database fails: 503, never granted.
    Unavailable,
}

/// Decides who may do what. Repositories of a tenant begin with its name.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Decides about one access. Called for each request, so it has to be quick; compares secrets in constant time.
    async fn authorize(&self, credentials: Option<&Credentials>, wants: &Access) -> Decision;
}

/// Reads the credentials of a request. A header that cannot be read counts as none.
pub(super) fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok().filter(|text| text.len() <= HEADER)?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, secret) = decoded.split_once(':')?;
    Some(Credentials { user: user.to_owned(), secret: secret.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_may_hold_colons_and_is_never_shown() {
        let mut headers = HeaderMap::new();
        let encoded = BASE64_STANDARD.encode("admin:a:b");
        headers.insert(AUTHORIZATION, format!("basic {encoded}").parse().unwrap());
        let found = credentials(&headers).unwrap();
        assert_eq!((found.user.as_str(), found.secret.as_str()), ("admin", "a:b"));
        assert!(!format!("{found:?}").contains("a:b"));
    }

    #[test]
    fn what_cannot_be_read_counts_as_none() {
        for text in ["", "Basic", "Basic !!!", "Basic YQ==", "Bearer abc"] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, text.parse().unwrap());
            assert_eq!(credentials(&headers), None, "{text}");
        }
    }
}
