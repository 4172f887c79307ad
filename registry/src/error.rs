//! What can go wrong in the registry, for callers of the crate. `oci/error.rs` says it to clients.

use std::io;
use std::path::{Path, PathBuf};

use migrations::Fault;
use vocab::Digest;

use crate::model::{Locator, ManifestError, NameError, RepositoryName};

/// A failure of the registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name breaks its rules.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Bytes that are no manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The database could not be written.
    #[error(transparent)]
    Database(#[from] migrations::Error),
    /// A statement was refused.
    #[error("registry database: {fault} ({source})")]
    Statement {
        /// What it means.
        fault: Fault,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// A row holds what no version of the registry writes.
    #[error(
        "registry database: `{table}` holds `{value}`, which is no {expected}; restore the database from a backup"
    )]
    Row {
        /// The table.
        table: &'static str,
        /// The value found.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A file of the store could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer, such as that the disk is full.
        source: io::Error,
    },
    /// The factory's rule on space says no.
    #[error("no room for more content: {reason}")]
    NoRoom {
        /// Which bound is met, and what to do.
        reason: String,
    },
    /// Content that is larger than it may be.
    #[error("the content is larger than the {limit} bytes that are allowed")]
    TooLarge {
        /// The bound in bytes.
        limit: u64,
    },
    /// Content that is not what its name says.
    #[error("the content has the digest {found}, not {expected}")]
    DigestMismatch {
        /// What was announced.
        expected: Digest,
        /// What arrived.
        found: Digest,
    },
    /// Content of another length than announced.
    #[error("the content has {found} bytes, not {expected}")]
    SizeMismatch {
        /// What was announced.
        expected: u64,
        /// What arrived.
        found: u64,
    },
    /// The sender stopped before the end.
    #[error("the content broke off: {reason}")]
    BrokenOff {
        /// What the transport said.
        reason: String,
    },
    /// No such content.
    #[error("there is no content {digest}")]
    UnknownContent {
        /// What was asked for.
        digest: Digest,
    },
    /// A blob or a manifest that cannot be taken out of a repository.
    #[error("the manifest {by} needs {digest}; delete that manifest first")]
    Needed {
        /// The blob, or the manifest.
        digest: Digest,
        /// A manifest of the repository.
        by: Digest,
    },
    /// The row is there but the file is gone.
    #[error("the bytes of {digest} are missing at {}; restore them from a backup, or push the content again", path.display())]
    Lost {
        /// What was asked for.
        digest: Digest,
        /// Where it should be.
        path: PathBuf,
    },
    /// No such repository.
    #[error("there is no repository {repository}")]
    UnknownRepository {
        /// What was asked for.
        repository: RepositoryName,
    },
    /// The repository holds no such manifest or tag.
    #[error("{repository} holds no {locator}")]
    UnknownManifest {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was asked for.
        locator: Locator,
    },
    /// A manifest refers to what is not there.
    #[error("the manifest refers to content that is not there: {}", list(missing))]
    MissingReferences {
        /// The digests, at most a few dozen of them.
        missing: Vec<Digest>,
    },
    /// A manifest gives a blob another size than it has.
    #[error("the manifest says that {digest} has {claimed} bytes, but it has {stored}")]
    WrongSize {
        /// The blob.
        digest: Digest,
        /// What the manifest says.
        claimed: u64,
        /// What is stored.
        stored: u64,
    },
    /// No such upload, or it was finished, cancelled or swept.
    #[error("there is no upload `{id}`; start a new one")]
    UnknownUpload {
        /// What was asked for.
        id: String,
    },
    /// A chunk that does not continue the upload.
    #[error("the chunk starts at {start}, but the upload holds {held} bytes")]
    OutOfOrder {
        /// Where the chunk wants to be.
        start: u64,
        /// How much there is.
        held: u64,
    },
    /// Too much at once.
    #[error("{what} are at their bound of {limit}; try again later")]
    Busy {
        /// What there is too much of.
        what: &'static str,
        /// How many may be at once.
        limit: u64,
    },
    /// A folder that is no OCI image layout.
    #[error("{} is no image layout that can be taken: {reason}", path.display())]
    Layout {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A task that was to touch the disk died.
    #[error("a task of the content store died: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Error {
    /// Names the file in an error of the system; to be used with `map_err`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    /// Whether the cause is that the disk or the quota is full.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match self {
            Self::NoRoom { .. } => true,
            Self::File { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge),
            Self::Statement { fault, .. } => *fault == Fault::DiskFull,
            Self::Database(error) => error.fault() == Some(Fault::DiskFull),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        Self::Statement { fault: Fault::of(&source), source }
    }
}

fn list(digests: &[Digest]) -> String {
    digests.iter().map(Digest::to_string).collect::<Vec<_>>().join(", ")
}
