//! An authorizer for tests: two users, each at home in one tenant.

use async_trait::async_trait;
use registry::{Access, Action, Authorizer, Credentials, Decision, Principal};

/// May do everything in tenant `acme`.
pub(crate) const ADMIN: (&str, &str) = ("admin", "secret");
/// May do everything in tenant `other`.
pub(crate) const OTHER: (&str, &str) = ("other", "secret");

pub(crate) struct People;

#[async_trait]
impl Authorizer for People {
    async fn authorize(&self, credentials: Option<&Credentials>, wants: &Access) -> Decision {
        let home = match credentials.map(|found| (found.user.as_str(), found.secret.as_str())) {
            Some(ADMIN) => "acme",
            Some(OTHER) => "other",
            _ => return Decision::Challenge,
        };
        let granted = match &wants.repository {
            None => matches!(wants.action, Action::Ping | Action::List),
            Some(repository) => repository.tenant().as_str() == home,
        };
        let name = credentials.map(|found| found.user.clone()).unwrap_or_default();
        if granted { Decision::Granted(Principal { name }) } else { Decision::Hidden }
    }
}
