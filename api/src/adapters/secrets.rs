//! Secrets of tenants: one file each, `secrets/TENANT/NAME` in the data folder, closed to others.

use std::path::PathBuf;

use async_trait::async_trait;
use engine_ports::{SecretError, SecretStore, SecretText};
use vocab::{SecretRef, TenantName};

use crate::data::{DataError, read_private};

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
        let file = path.clone();
        let read = tokio::task::spawn_blocking(move || read_private(&file));
        let read = read.await.map_err(|error| SecretError::Store(error.to_string()))?;
        // The operator is told which file it is; a tenant has no business with the data folder.
        let warn = |reason: &dyn std::fmt::Display| {
            tracing::warn!(%tenant, secret = name, file = %path.display(), %reason, "a secret cannot be had");
        };
        let unusable =
            |reason: &str| SecretError::Unusable { name: name.to_owned(), reason: reason.to_owned() };
        let content = read.map_err(|error| {
            warn(&error);
            unusable(match error {
                DataError::Exposed { .. } => "others than the factory's user can read its file",
                DataError::Damaged { .. } => "it is too large",
                _ => "its file cannot be read",
            })
        })?;
        let content = content.ok_or_else(|| {
            warn(&"there is no such file");
            SecretError::Missing(name.to_owned())
        })?;
        let text = std::str::from_utf8(&content).map_err(|error| {
            warn(&error);
            unusable("it is not UTF-8 text")
        })?;
        // An editor ends a file with a line break that nobody means.
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            return Err(unusable("its file is empty"));
        }
        Ok(SecretText::new(text.to_owned()))
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
        let exposed = get("default", "deploy").await.unwrap_err();
        assert!(matches!(exposed, SecretError::Unusable { .. }), "{exposed}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(get("default", "deploy").await.unwrap().expose(), "word");
        std::fs::write(folder.path().join("default/binary"), [0xff, 0xfe]).unwrap();
        let closed = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.path().join("default/binary"), closed).unwrap();
        std::fs::create_dir(folder.path().join("default/folder")).unwrap();
        std::fs::set_permissions(
            folder.path().join("default/folder"),
            std::fs::Permissions::from_mode(0o700),
        )
        .unwrap();
        std::fs::write(&path, "\n").unwrap();
        let empty = get("default", "deploy").await.unwrap_err();
        assert!(empty.to_string().contains("empty"), "{empty}");
        let missing = get("other", "deploy").await.unwrap_err();
        assert_eq!(missing, SecretError::Missing("deploy".to_owned()));
        let binary = get("default", "binary").await.unwrap_err();
        let no_file = get("default", "folder").await.unwrap_err();
        for error in [exposed, missing, binary, no_file] {
            let text = error.to_string();
            assert!(!text.contains(&folder.path().display().to_string()), "tenants see no path: {text}");
        }
        for (tenant, name) in [("default", "../default/deploy"), ("default", "."), ("default", "")] {
            assert!(matches!(get(tenant, name).await, Err(SecretError::Missing(_))), "{tenant} {name}");
        }
    }
}
