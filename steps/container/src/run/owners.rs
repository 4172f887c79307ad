//! Owners of files on the two sides of a user namespace.

use std::io;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::Path;

use walkdir::WalkDir;

use crate::sandbox::{FIRST_ID, IDS};

/// Gives everything below `folder` to the ids that stand for its owners in the container. Blocks.
///
/// Ids that no container has become nobody's. Links are not followed.
pub(super) fn enter(folder: &Path) -> io::Result<()> {
    const NOBODY: u32 = 65_534;
    each(folder, |id| FIRST_ID + if id < IDS { id } else { NOBODY })
}

/// The way back.
pub(super) fn leave(folder: &Path) -> io::Result<()> {
    each(folder, |id| id.checked_sub(FIRST_ID).unwrap_or(id))
}

fn each(folder: &Path, map: impl Fn(u32) -> u32) -> io::Result<()> {
    for entry in WalkDir::new(folder).follow_links(false) {
        let entry = entry?;
        let data = entry.metadata()?;
        lchown(entry.path(), Some(map(data.uid())), Some(map(data.gid())))?;
    }
    Ok(())
}
