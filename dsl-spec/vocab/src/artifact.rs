//! References to immutable results in the content store.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// What an artifact is, and so how it is stored and handed to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactKind {
    /// A file tree: a deterministic PAX tar. Handed to a step as a folder.
    Tree,
    /// A container image: the digest of its OCI manifest or index; config and layers are blobs beside it.
    Image,
    /// A disk of a virtual machine. Handed to a step as a file.
    Disk,
    /// A software bill of materials. Handed to a step as a file.
    Sbom,
    /// A report: text, JSON, HTML or XML. Handed to a step as a file.
    Report,
}

impl ArtifactKind {
    /// The word used in workflows and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Image => "image",
            Self::Disk => "disk",
            Self::Sbom => "sbom",
            Self::Report => "report",
        }
    }
}

impl fmt::Display for ArtifactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A typed name of immutable content. Only the factory makes one: a tenant's text never becomes a reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// What it is.
    pub kind: ArtifactKind,
    /// Digest of the content; for an image, of its manifest.
    pub digest: Digest,
    /// Size in bytes; for an image, the sum of manifest, config and layers as stored.
    pub size: u64,
}
