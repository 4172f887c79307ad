//! One request, and what every endpoint asks of it.

use std::sync::Arc;

use http::header::{HeaderName, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode};

use super::authorize::{Access, Action, Authorizer, Credentials, Decision, Principal};
use super::failure::Failure;
use crate::Registry;
use crate::model::RepositoryName;

/// A request without its body.
pub(super) struct Call {
    pub(super) registry: Registry,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) credentials: Option<Credentials>,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) query: Vec<(String, String)>,
}

impl Call {
    /// Reads the name of a repository and asks whether the caller may act on it. What may not be seen looks like
    /// what is not there.
    pub(super) async fn enter(
        &self,
        name: &str,
        action: Action,
    ) -> Result<(RepositoryName, Principal), Failure> {
        let repository: RepositoryName = name.parse().map_err(crate::Error::Name)?;
        let wants = Access { repository: Some(repository.clone()), action };
        let principal = self.decide(&wants, || Failure::unknown_name(name)).await?;
        Ok((repository, principal))
    }

    /// Asks about an access that concerns no repository.
    pub(super) async fn admit(&self, action: Action) -> Result<Principal, Failure> {
        self.decide(&Access { repository: None, action }, Failure::no_endpoint).await
    }

    /// Whether the caller may read a repository.
    pub(super) async fn may_pull(&self, repository: &RepositoryName) -> bool {
        let wants = Access { repository: Some(repository.clone()), action: Action::Pull };
        let decision = self.authorizer.authorize(self.credentials.as_ref(), &wants).await;
        matches!(decision, Decision::Granted(_))
    }

    async fn decide(&self, wants: &Access, hidden: impl FnOnce() -> Failure) -> Result<Principal, Failure> {
        match self.authorizer.authorize(self.credentials.as_ref(), wants).await {
            Decision::Granted(principal) => Ok(principal),
            Decision::Challenge => Err(Failure::challenge(self.credentials.is_some())),
            Decision::Hidden => Err(hidden()),
            Decision::Unavailable => {
                let message = "who may do what cannot be decided now; try again";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Err(Failure::new(status, "UNAVAILABLE", message).with(RETRY_AFTER, 5))
            }
        }
    }

    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters(name).next()
    }

    /// All values of a query parameter.
    pub(super) fn parameters(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The text of a header.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether only the headers are wanted.
    pub(super) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }
}
