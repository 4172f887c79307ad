//! Images and the repositories in which they are published.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use async_trait::async_trait;
use vocab::{ArtifactRef, Digest, TenantName};

use crate::{ByteStream, HoldOwner};

/// A repository of the factory's registry: `TENANT/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    tenant: TenantName,
    name: Box<str>,
}

/// Why a text is not a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a repository name; use lower-case letters, digits and `.`, `_`, `-` between them, parts separated by `/`"
)]
pub struct RepositoryError(String);

impl Repository {
    /// The repository `name` of `tenant`. `name` may have several parts (`golden/debian`).
    pub fn new(tenant: &TenantName, name: &str) -> Result<Self, RepositoryError> {
        let refuse = || RepositoryError(name.chars().take(80).collect());
        let part = |part: &str| {
            let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            edge(part.chars().next())
                && edge(part.chars().next_back())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
                && !part.contains("..")
        };
        if name.len() <= 180 && name.split('/').all(part) {
            Ok(Self { tenant: tenant.clone(), name: name.into() })
        } else {
            Err(refuse())
        }
    }

    /// The tenant that owns it.
    pub const fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    /// The part after the tenant.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}

impl FromStr for Repository {
    type Err = RepositoryError;

    fn from_str(text: &str) -> Result<Self, RepositoryError> {
        let refuse = || RepositoryError(text.chars().take(80).collect());
        let (tenant, name) = text.split_once('/').ok_or_else(refuse)?;
        Self::new(&tenant.parse().map_err(|_| refuse())?, name)
    }
}

/// A manifest as it is stored, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageManifest {
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a tag must be for a move to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    Any,
    /// There must be no such tag.
    Absent,
    /// It must name this digest.
    Is(Digest),
}

/// How moving a tag ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It names the new digest; this is the old one.
    Done {
        /// What it named before.
        previous: Option<Digest>,
    },
    /// It was not what was expected; nothing changed.
    Conflict {
        /// What it names.
        found: Option<Digest>,
    },
}

/// How publishing an image ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Whether this publisher had not published it there before.
    pub new: bool,
    /// How clients name it: `TENANT/name@sha256:…`, without the registry's host.
    pub reference: String,
}

/// What became of an image whose publisher took it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn {
    /// It is not in the repository any more.
    Gone,
    /// It stays, since others publish it too; or this publisher had not published what is there.
    Shared,
    /// It stays although nobody else publishes it, since this (a tag, an index) refers to it.
    InUse(String),
}

/// Why the image store refused.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The repository or the image is not there, or is not this tenant's.
    #[error("there is no {0}")]
    Missing(String),
    /// The layout, manifest or blob is not what it says it is.
    #[error("{0}")]
    Malformed(String),
    /// Something else still refers to the image.
    #[error("{0} is still referred to: {1}")]
    InUse(String, String),
    /// No space is left, or a quota is reached.
    #[error("the image store is full: {0}")]
    Full(String),
    /// The disk, the database or the service failed.
    #[error("the image store failed: {0}")]
    Io(String),
}

/// Images as steps see them. Steps never see the registry itself.
#[async_trait]
pub trait ImageStore: Send + Sync {
    /// Takes in the one image of an OCI image layout; held by `owner` when it returns.
    async fn import_layout(&self, owner: &HoldOwner, layout: &Path) -> Result<ArtifactRef, ImageError>;

    /// Takes in a blob (a layer, a config), checking nothing but its bytes; held by `owner`.
    async fn put_blob(&self, owner: &HoldOwner, stream: ByteStream) -> Result<(Digest, u64), ImageError>;

    /// Takes in a manifest whose config, layers and children are there already; held with them by `owner`.
    async fn put_manifest(
        &self,
        owner: &HoldOwner,
        manifest: ImageManifest,
    ) -> Result<ArtifactRef, ImageError>;

    /// The manifest of an image.
    async fn manifest(&self, image: &Digest) -> Result<ImageManifest, ImageError>;

    /// A blob of an image that the caller got as an input or an output.
    async fn open_blob(&self, blob: &Digest) -> Result<ByteStream, ImageError>;

    /// Publishes an image into a repository, by digest. Moves no byte. `by` is remembered as who did it, and as one
    /// who wants it there: see `withdraw`. Publishing twice is publishing.
    async fn push(
        &self,
        repository: &Repository,
        image: &ArtifactRef,
        by: &str,
    ) -> Result<Pushed, ImageError>;

    /// Takes back what `publisher` published, as its `push` was told, with the children that went with it: each goes
    /// unless somebody else published it too, a tag names it or another image needs it. Atomic. Taking back twice is
    /// fine. `by` is remembered as who did it.
    async fn withdraw(
        &self,
        repository: &Repository,
        image: &Digest,
        publisher: &str,
        by: &str,
    ) -> Result<Withdrawn, ImageError>;

    /// Takes an image out of a repository, whoever published it. Fails with `InUse` while a tag names it. `by` is
    /// remembered as who did it.
    async fn unpublish(&self, repository: &Repository, image: &Digest, by: &str) -> Result<(), ImageError>;

    /// The image that `reference` (a tag or a digest) names in a repository.
    async fn resolve(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Result<Option<ArtifactRef>, ImageError>;

    /// Compare-and-set of a tag; `to` of `None` removes it. `by` goes into the tag's history.
    async fn move_tag(
        &self,
        repository: &Repository,
        tag: &str,
        expect: Expect,
        to: Option<&Digest>,
        by: &str,
    ) -> Result<Moved, ImageError>;
}
