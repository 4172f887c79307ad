//! Content that passes between steps, by digest.

use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::str::FromStr;

use async_trait::async_trait;
use tokio::io::AsyncRead;
use vocab::{ArtifactKind, ArtifactRef, Digest, RunId};

use crate::MemoKey;

/// A stream of bytes to read.
pub type ByteStream = Pin<Box<dyn AsyncRead + Send>>;

/// Who keeps an artifact alive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldOwner {
    /// A run, until it is pruned.
    Run(RunId),
    /// An entry of the cache, by its whole key: entries of other tenants or scopes may have the same digest.
    Memo(MemoKey),
}

impl fmt::Display for HoldOwner {
    /// `run:ID` or `memo:TENANT/DIGEST/SCOPE`: the form in rows. Neither tenant nor digest holds a `/`, so that no two
    /// owners look the same, whatever the scope is called.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run) => write!(f, "run:{run}"),
            Self::Memo(MemoKey { tenant, scope, digest }) => write!(f, "memo:{tenant}/{digest}/{scope}"),
        }
    }
}

/// Why a text is not an owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an owner of holds; it is `run:ID` or `memo:TENANT/DIGEST/SCOPE`")]
pub struct HoldOwnerError(String);

impl FromStr for HoldOwner {
    type Err = HoldOwnerError;

    /// Reads what [`HoldOwner`] is written as, and nothing else.
    fn from_str(text: &str) -> Result<Self, HoldOwnerError> {
        let owner = if let Some(run) = text.strip_prefix("run:") {
            run.parse().ok().map(Self::Run)
        } else if let Some(key) = text.strip_prefix("memo:") {
            let mut parts = key.splitn(3, '/');
            let mut part = || parts.next();
            part().zip(part()).zip(part()).and_then(|((tenant, digest), scope)| {
                let (tenant, digest) = (tenant.parse().ok()?, digest.parse().ok()?);
                Some(Self::Memo(MemoKey { tenant, scope: scope.to_owned(), digest }))
            })
        } else {
            None
        };
        let owner = owner.filter(|owner| owner.to_string() == text);
        owner.ok_or_else(|| HoldOwnerError(text.chars().take(120).collect()))
    }
}

/// Why the content store refused.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It is not there (any more).
    #[error("the content store has no {0}")]
    Missing(Digest),
    /// The content is not what its kind promises (a hostile tar entry, a broken manifest).
    #[error("{0}")]
    Malformed(String),
    /// No space is left, or a quota is reached.
    #[error("the content store is full: {0}")]
    Full(String),
    /// The disk or the service failed.
    #[error("the content store failed: {0}")]
    Io(String),
}

/// The content store as steps see it.
#[async_trait]
pub trait ArtifactStore: Send + Sync {
    /// Takes in a file; held by `owner` when it returns. The file stays where it is.
    async fn put_file(
        &self,
        owner: &HoldOwner,
        kind: ArtifactKind,
        path: &Path,
    ) -> Result<ArtifactRef, ArtifactError>;

    /// Takes in a stream; held by `owner` when it returns. Nothing remains of a stream that breaks.
    async fn put_stream(
        &self,
        owner: &HoldOwner,
        kind: ArtifactKind,
        stream: ByteStream,
    ) -> Result<ArtifactRef, ArtifactError>;

    /// Opens the content; for an image, its manifest.
    async fn open(&self, artifact: &ArtifactRef) -> Result<ByteStream, ArtifactError>;

    /// Puts the artifact at `target`, which must not exist: a tree as a folder, an image as an OCI image layout,
    /// anything else as a file. By reflink or copy, never by hard link. Half-done work is removed on error.
    async fn materialize(&self, artifact: &ArtifactRef, target: &Path) -> Result<(), ArtifactError>;

    /// Keeps the artifact (an image with config, layers and children) for `owner`. Fails when any part is gone.
    async fn hold(&self, owner: &HoldOwner, artifact: &ArtifactRef) -> Result<(), ArtifactError>;

    /// Gives up everything that `owner` holds.
    async fn release(&self, owner: &HoldOwner) -> Result<(), ArtifactError>;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn entries_of_other_tenants_and_scopes_are_other_owners() {
        let owner = |tenant: &str, scope: &str| {
            let key = MemoKey {
                tenant: tenant.parse().unwrap(),
                scope: scope.to_owned(),
                digest: Digest::of("the same action, inputs and outside"),
            };
            HoldOwner::Memo(key).to_string()
        };
        let owners =
            [owner("a", "protected"), owner("b", "protected"), owner("a", "main"), owner("a", "x/main")];
        for owner in &owners {
            assert_eq!(owner.parse::<HoldOwner>().unwrap().to_string(), *owner);
        }
        for text in ["memo:a/b", "memo:", "run:x", "other:a", ""] {
            assert!(text.parse::<HoldOwner>().is_err(), "{text}");
        }
        assert_eq!(BTreeSet::from(owners.clone()).len(), owners.len(), "{owners:?}");
        assert!(owners.iter().all(|owner| owner.starts_with("memo:")));
    }
}
