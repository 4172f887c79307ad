//! What the caller decides about a tree: times, owners, modes, bounds.

use std::path::PathBuf;

use crate::entry::{Kind, Meta};

/// Modification times: always an explicit choice, never the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mtime {
    /// The same for every entry: seconds since the Unix epoch.
    Fixed(i64),
    /// As they are, but none later than this: seconds since the Unix epoch.
    AtMost(i64),
    /// As they are, in whole seconds.
    Keep,
}

/// Owners of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// The numeric ids as they are.
    Keep,
    /// User 0 and group 0 for all.
    Root,
    /// This user and this group for all.
    Fixed {
        /// Numeric id of the user.
        uid: u32,
        /// Numeric id of the group.
        gid: u32,
    },
}

/// Permission bits of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modes {
    /// As they are.
    Keep,
    /// As Git has them: 0755 for folders and for files that their owner may execute, else 0644. For trees whose
    /// modes came from the umask of whoever wrote them.
    Plain,
}

/// How [`crate::pack`] writes a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackOptions {
    /// Modification times.
    pub mtime: Mtime,
    /// Owners.
    pub owners: Owners,
    /// Permission bits.
    pub modes: Modes,
    /// Bounds of the tree.
    pub limits: Limits,
    /// Paths relative to the folder that are left out, with all below them.
    pub exclude: Vec<PathBuf>,
}

impl PackOptions {
    /// All entries at `seconds` since the Unix epoch, owners and modes as they are.
    pub const fn at(seconds: i64, limits: Limits) -> Self {
        Self {
            mtime: Mtime::Fixed(seconds),
            owners: Owners::Keep,
            modes: Modes::Keep,
            limits,
            exclude: Vec::new(),
        }
    }
}

/// How an archive is rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalizeOptions {
    /// Modification times.
    pub mtime: Mtime,
    /// Owners.
    pub owners: Owners,
    /// Permission bits.
    pub modes: Modes,
    /// Bounds of the tree.
    pub limits: Limits,
    /// Folder for the file, without a name, that holds the content while entries are sorted.
    pub spool: PathBuf,
}

impl NormalizeOptions {
    /// Everything as the archive has it.
    pub fn keep(limits: Limits, spool: impl Into<PathBuf>) -> Self {
        Self { mtime: Mtime::Keep, owners: Owners::Keep, modes: Modes::Keep, limits, spool: spool.into() }
    }
}

/// Bounds of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files and folders, those included that only stand in paths.
    pub entries: u64,
    /// Bytes of content.
    pub bytes: u64,
}

impl From<&vocab::Limits> for Limits {
    fn from(limits: &vocab::Limits) -> Self {
        Self { entries: limits.tree_entries, bytes: limits.tree_bytes }
    }
}

/// Rewrites an entry's metadata as the caller wants it.
pub(crate) fn apply(meta: &mut Meta, kind: &Kind, mtime: Mtime, owners: Owners, modes: Modes) {
    meta.mtime = match mtime {
        Mtime::Fixed(seconds) => seconds,
        Mtime::AtMost(seconds) => meta.mtime.min(seconds),
        Mtime::Keep => meta.mtime,
    };
    (meta.uid, meta.gid) = match owners {
        Owners::Keep => (meta.uid, meta.gid),
        Owners::Root => (0, 0),
        Owners::Fixed { uid, gid } => (uid.into(), gid.into()),
    };
    meta.mode = match (kind, modes) {
        // Linux has no modes of links; what an archive says about them is noise.
        (Kind::Symlink(_), _) => 0o777,
        (_, Modes::Keep) => meta.mode,
        (Kind::Folder, Modes::Plain) => 0o755,
        (_, Modes::Plain) if meta.mode & 0o100 == 0 => 0o644,
        (_, Modes::Plain) => 0o755,
    };
}
