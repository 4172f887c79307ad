//! Secrets in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use engine_ports::{SecretError, SecretStore, SecretText};
use vocab::{SecretRef, TenantName};

/// The same secrets for every tenant.
#[derive(Default)]
pub struct FakeSecrets(Mutex<BTreeMap<String, String>>);

impl FakeSecrets {
    /// Adds a secret, and gives its name as an input takes it.
    pub fn add(&self, name: &str, text: &str) -> SecretRef {
        self.0.lock().expect("no test panics while it holds this").insert(name.to_owned(), text.to_owned());
        SecretRef(name.to_owned())
    }
}

#[async_trait]
impl SecretStore for FakeSecrets {
    async fn get(&self, _tenant: &TenantName, secret: &SecretRef) -> Result<SecretText, SecretError> {
        let secrets = self.0.lock().expect("no test panics while it holds this");
        let found = secrets.get(&secret.0).cloned();
        found.map(SecretText::new).ok_or_else(|| SecretError::Missing(secret.0.clone()))
    }
}
