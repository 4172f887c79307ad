//! What happened in a repository. Sent when it is on the disk.

use vocab::Digest;

use crate::model::{RepositoryName, Tag};

/// Something that happened. The rows are the truth: a follower that lags loses events, never state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A manifest came into a repository in which it was not before.
    ManifestPushed {
        /// Where.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// Its type.
        media_type: String,
        /// Who did it.
        by: String,
    },
    /// A manifest was deleted, its tags with it.
    ManifestDeleted {
        /// Where.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// Who did it.
        by: String,
    },
    /// A tag was made, moved or removed.
    TagMoved {
        /// Where.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
        /// What it named before; `None` when it is new.
        previous: Option<Digest>,
        /// What it names now; `None` when it was removed.
        digest: Option<Digest>,
        /// Who did it.
        by: String,
    },
}
