//! Every secret that an attempt is given is masked in its log from then on.

use std::sync::Arc;

use async_trait::async_trait;
use engine_ports::{SecretError, SecretStore, SecretText, Services, StepLog};
use vocab::{SecretRef, TenantName};

struct MaskedSecrets {
    inner: Arc<dyn SecretStore>,
    log: Arc<dyn StepLog>,
}

#[async_trait]
impl SecretStore for MaskedSecrets {
    async fn get(&self, tenant: &TenantName, secret: &SecretRef) -> Result<SecretText, SecretError> {
        let text = self.inner.get(tenant, secret).await?;
        self.log.mask(text.expose());
        Ok(text)
    }
}

/// What the factory lends to one attempt that writes `log`.
pub(crate) fn lend(services: &Services, log: &Arc<dyn StepLog>) -> Arc<Services> {
    let secrets = MaskedSecrets { inner: Arc::clone(&services.secrets), log: Arc::clone(log) };
    Arc::new(Services {
        artifacts: Arc::clone(&services.artifacts),
        images: Arc::clone(&services.images),
        secrets: Arc::new(secrets),
        tools: Arc::clone(&services.tools),
        clock: Arc::clone(&services.clock),
        limits: services.limits.clone(),
        settings: services.settings.clone(),
    })
}
