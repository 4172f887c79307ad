//! Why an archive was refused or could not be written.

use std::io;
use std::path::Path;

/// Why a tree could not be packed, rewritten or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One entry of the archive breaks a rule.
    #[error("the archive entry `{entry}` {refusal}")]
    Refused {
        /// The entry's path as the archive has it, control characters escaped, cut to a readable length.
        entry: String,
        /// The rule.
        refusal: Refusal,
    },
    /// The bytes are not a tar archive, or it is cut off.
    #[error("this is no whole tar archive: at byte {offset}: {reason}")]
    Malformed {
        /// Where, counted from the archive's start.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The archive or the folder has more files and folders than allowed.
    #[error("the tree has more than {limit} files and folders, the limit `tree_entries`")]
    TooManyEntries {
        /// The bound.
        limit: u64,
    },
    /// The content is larger than allowed.
    #[error("the tree holds more than {limit} bytes, the limit `tree_bytes`")]
    TooManyBytes {
        /// The bound, in bytes.
        limit: u64,
    },
    /// Names and attributes alone are larger than any real tree has them.
    #[error("the names and attributes of the tree take more than {limit} bytes")]
    TooMuchMetadata {
        /// The bound, in bytes.
        limit: u64,
    },
    /// The folder asked for is not in the tree.
    #[error("the tree has no folder `{0}`")]
    NoSuchFolder(String),
    /// The disk or the stream failed.
    #[error("cannot {action} `{at}`: {source}")]
    Io {
        /// What was tried: `read`, `create`.
        action: &'static str,
        /// On what: a path or the name of a stream.
        at: String,
        /// What the system said.
        source: io::Error,
    },
}

/// The rule that an entry breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It would land at a fixed place of the host.
    #[error("has an absolute path")]
    Absolute,
    /// It would climb out of the tree.
    #[error("has `..` in its path")]
    Climbs,
    /// No file system could hold it.
    #[error("has a path longer than a file system takes")]
    TooLong,
    /// A path or target is empty or holds a zero byte.
    #[error("has a path or target that is empty or holds a zero byte")]
    BadPath,
    /// Something above it is a link or a file, so it would land elsewhere.
    #[error("lies below `{0}`, which is not a folder")]
    BelowNoFolder(String),
    /// The same path came before.
    #[error("is there twice")]
    Duplicate,
    /// A hard link may only name a file that came before it in the same archive.
    #[error("is a hard link to `{0}`, which is no file that came before it")]
    BadHardLink(String),
    /// Only a trusted tree for root may hold one.
    #[error("is a device, which is only allowed where the tree is unpacked as root")]
    Device,
    /// Its type has no place in a tree.
    #[error("has the unsupported type `{0}`")]
    Type(String),
    /// Something that is not a file claims to have content.
    #[error("is no file but claims content")]
    Content,
    /// Its header is larger than any real one.
    #[error("has an extended header of more than {0} bytes")]
    HugeHeader(u64),
    /// Its extended header cannot be read.
    #[error("has a malformed extended header: {0}")]
    Header(String),
    /// Links and devices cannot carry them.
    #[error("has extended attributes that only files and folders can have")]
    Attributes,
    /// A file became shorter or longer while it was read.
    #[error("changed while it was read")]
    Changed,
}

impl Error {
    /// Whether the system said that no space (or quota) is left.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ))
    }

    pub(crate) fn refused(entry: &[u8], refusal: Refusal) -> Self {
        Self::Refused { entry: readable(entry), refusal }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let at = path.display().to_string();
        move |source| Self::Io { action, at, source }
    }
}

/// Bytes of a path as people can read them: nothing that moves a terminal's cursor, at most 200 characters.
pub(crate) fn readable(bytes: &[u8]) -> String {
    const SHOWN: usize = 200;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]);
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().count() > SHOWN || bytes.len() > 4 * SHOWN {
        shown.push('…');
    }
    shown
}
