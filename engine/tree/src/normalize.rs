//! From any archive to the one form, and trees moved down and up.

use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::collect::Collected;
use crate::error::Error;
use crate::options::NormalizeOptions;
use crate::path::TreePath;
use crate::write::Archive;

/// Rewrites an archive (ustar, PAX, GNU) into the deterministic form.
///
/// Folders that only stand in paths become entries of mode 0755, user 0, time 0 (before the options apply). An
/// archive that is no tree is refused: paths that leave it, entries below a link, two entries of one path.
pub fn normalize(
    reader: impl Read,
    writer: impl Write,
    options: &NormalizeOptions,
) -> Result<Archive, Error> {
    let mut tree = Collected::read(reader, options)?;
    tree.apply(options);
    tree.write(writer)
}

/// The part of a tree below the folder `path`, as a tree of its own. No link on the way is followed.
pub fn subtree(
    reader: impl Read,
    path: &Path,
    writer: impl Write,
    options: &NormalizeOptions,
) -> Result<Archive, Error> {
    let top = parse(path)?;
    let mut tree = Collected::read(reader, options)?.below(&top)?;
    tree.apply(options);
    tree.write(writer)
}

/// The tree with its root moved down to the folder `path`, which is made with all above it: mode 0755, user 0.
pub fn nest(
    reader: impl Read,
    path: &Path,
    writer: impl Write,
    options: &NormalizeOptions,
) -> Result<Archive, Error> {
    let top = parse(path)?;
    let mut tree = Collected::read(reader, options)?.within(&top);
    tree.apply(options);
    tree.write(writer)
}

fn parse(path: &Path) -> Result<TreePath, Error> {
    let raw = path.as_os_str().as_bytes();
    if raw.is_empty() {
        return Ok(TreePath::default());
    }
    TreePath::parse(raw).map_err(|refusal| Error::refused(raw, refusal))
}
