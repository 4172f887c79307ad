//! Secrets of tenants: one file each, `secrets/TENANT/NAME` in the data folder, closed to others.

use std::path::PathBuf;

use async_trait::async_trait;
use engine_ports::{SecretError, SecretStore, SecretText};
use vocab::{SecretRef, TenantName};

use crate::data::read_private;

/// Secrets in files that the operator puts there.
pub(crate) struct FileSecrets(PathBuf);

impl FileSecrets {
    /// The secrets below `folder`.
    pub(crate) const fn new(folder: PathBuf) -> Self {
        Self(folder)
    }
}

#[async_trait]
impl SecretStore for FileSecrets {
    async fn get(&self, tenant: &TenantName, secret: &SecretRef) -> Result<SecretText, SecretError> {
        let name = secret.0.as_str();
        // A name that could leave the folder names no secret.
        if !is_secret_name(name) {
            return Err(SecretError::Missing(name.chars().take(80).collect()));
        }
        let path = self.0.join(tenant.as_str()).join(name);
        let missing = SecretError::NoFile { name: name.to_owned(), path: path.clone() };
        let read = tokio::task::spawn_blocking(move || read_private(&path));
        let content = read
            .await
            .map_err(|error| SecretError::Store(error.to_string()))?
            .map_err(|error| SecretError::Store(error.to_string()))?
            .ok_or(missing)?;
        let text = std::str::from_utf8(&content)
            .map_err(|_| SecretError::Store(format!("the secret `{name}` is not UTF-8 text")))?;
        // An editor ends a file with a line break that nobody means.
        Ok(SecretText::new(text.trim_end_matches(['\n', '\r']).to_owned()))
    }
}

/// Whether a secret can have that name: one that could leave the folder is none.
pub(crate) fn is_secret_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_secret_is_read_only_from_its_tenants_closed_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("default")).unwrap();
        let path = folder.path().join("default/deploy");
        std::fs::write(&path, "word\n").unwrap();
        let secrets = FileSecrets::new(folder.path().to_owned());
        let get = async |tenant: &str, name: &str| {
            secrets.get(&tenant.parse().unwrap(), &SecretRef(name.to_owned())).await
        };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(get("default", "deploy").await, Err(SecretError::Store(_))));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(get("default", "deploy").await.unwrap().expose(), "word");
        let looked_for = folder.path().join("other/deploy").display().to_string();
        let error = get("other", "deploy").await.unwrap_err().to_string();
        assert!(error.contains(&looked_for), "{error}");
        for (tenant, name) in [("default", "../default/deploy"), ("default", "."), ("default", "")] {
            assert!(matches!(get(tenant, name).await, Err(SecretError::Missing(_))), "{tenant} {name}");
        }
    }
}
