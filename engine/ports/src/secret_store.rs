//! Secrets by name. They never become values, events, logs or arguments.

use std::fmt;

use async_trait::async_trait;
use vocab::{SecretRef, TenantName};

/// The text of a secret. Prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a secret.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself: for an environment, a header, a file of mode 0600.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a secret cannot be had. Tenants read it: where secrets lie is for the operator's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is none of that name for this tenant.
    #[error("there is no secret `{0}`")]
    Missing(String),
    /// There is one of that name, and it cannot be used as it is.
    #[error("the secret `{name}` cannot be used: {reason}")]
    Unusable {
        /// The secret's name.
        name: String,
        /// Why, without a path.
        reason: String,
    },
    /// The store failed.
    #[error("the secret store failed: {0}")]
    Store(String),
}

/// Where secrets are kept.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// The secret of that name, as this tenant has it.
    async fn get(&self, tenant: &TenantName, secret: &SecretRef) -> Result<SecretText, SecretError>;
}
