//! Who may pull and push: the same tokens as at the API, each within its own tenant.

use async_trait::async_trait;
use registry::{Access, Authorizer, Credentials, Decision, Principal};

use crate::filters::Tokens;

/// Decides about the registry by the factory's tokens.
pub(crate) struct RegistryAccess(Tokens);

impl RegistryAccess {
    pub(crate) const fn new(tokens: Tokens) -> Self {
        Self(tokens)
    }
}

#[async_trait]
impl Authorizer for RegistryAccess {
    async fn authorize(&self, credentials: Option<&Credentials>, wants: &Access) -> Decision {
        let Some(credentials) = credentials else { return Decision::Challenge };
        match self.0.check(Some(&credentials.user), &credentials.secret).await {
            Ok(Some(caller)) => match &wants.repository {
                Some(repository) if *repository.tenant() != caller.tenant => Decision::Hidden,
                _ => Decision::Granted(Principal { name: caller.user }),
            },
            Ok(None) => Decision::Challenge,
            Err(error) => {
                tracing::error!(%error, "a token could not be checked");
                Decision::Unavailable
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine_ports::{Token, TokenStore as _};
    use engine_stores::MemoryTokenStore;
    use registry::Action;
    use vocab::{TenantName, Timestamp};

    use super::*;
    use crate::data::token_hash;

    #[tokio::test]
    async fn a_repository_of_another_tenant_looks_missing() {
        let store = MemoryTokenStore::new();
        let token = Token {
            hash: token_hash("secret"),
            user: "admin".to_owned(),
            tenant: TenantName::default_tenant(),
            created_at: Timestamp::default(),
        };
        store.add_token(token).await.unwrap();
        let access = RegistryAccess::new(Tokens::new(Arc::new(store)));
        let ask = async |user: &str, secret: &str, repository: Option<&str>| {
            let credentials = Credentials { user: user.to_owned(), secret: secret.to_owned() };
            let repository = repository.map(|name| name.parse().unwrap());
            access.authorize(Some(&credentials), &Access { repository, action: Action::Pull }).await
        };
        let granted = Decision::Granted(Principal { name: "admin".to_owned() });
        assert_eq!(ask("admin", "secret", Some("default/app")).await, granted);
        assert_eq!(ask("admin", "secret", None).await, granted);
        assert_eq!(ask("admin", "secret", Some("other/app")).await, Decision::Hidden);
        assert_eq!(ask("admin", "wrong", Some("default/app")).await, Decision::Challenge);
        assert_eq!(ask("root", "secret", Some("default/app")).await, Decision::Challenge);
    }
}
