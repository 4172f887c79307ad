//! One file, folder, link or device of a tree.

use std::collections::BTreeMap;

use crate::path::TreePath;

/// Owner, mode, time and attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Permission bits, set-id and sticky bits: at most `0o7777`.
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    /// Seconds since the Unix epoch.
    pub(crate) mtime: i64,
    /// Extended attributes by name.
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Meta {
    /// A folder that no archive mentions but that something lies in.
    pub(crate) const fn implied_folder() -> Self {
        Self { mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: BTreeMap::new() }
    }

    /// How much memory its attributes take.
    pub(crate) fn weight(&self) -> u64 {
        self.xattrs.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum()
    }
}

/// Extended attributes that belong to the tree. All others belong to the machine that it lay on (security labels,
/// overlay marks, ACLs) and would make the digest depend on that machine.
pub(crate) fn belongs_to_the_tree(attribute: &[u8]) -> bool {
    attribute == b"security.capability" || attribute.starts_with(b"user.")
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file with so many bytes.
    File(u64),
    Folder,
    /// A symbolic link with its target, as it is written.
    Symlink(Vec<u8>),
    /// Another name of a file.
    HardLink(TreePath),
    Char {
        major: u64,
        minor: u64,
    },
    Block {
        major: u64,
        minor: u64,
    },
    Fifo,
}

/// An entry as it stands in an archive; a file's content follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: TreePath,
    pub(crate) meta: Meta,
    pub(crate) kind: Kind,
}
