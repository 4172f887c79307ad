//! From a folder to an archive.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc;
use nix::sys::stat::{major, minor};

use crate::Refusal;
use crate::collect::Meter;
use crate::entry::{Entry, Kind, Meta, belongs_to_the_tree};
use crate::error::Error;
use crate::options::{PackOptions, apply};
use crate::path::TreePath;
use crate::write::{Archive, Writer};

/// Writes the tree below `dir` as an archive. Links are kept, never followed.
///
/// Nobody else may write below `dir` meanwhile; a file that changes under the reader is an error. Sockets are left
/// out, as nothing can be done with one that nobody listens on. A tree above the limits is refused as soon as that
/// is known, so what a folder holds never decides how much memory this takes.
pub fn pack(dir: &Path, writer: impl Write, options: &PackOptions) -> Result<Archive, Error> {
    let excluded = options
        .exclude
        .iter()
        .map(|path| {
            let raw = path.as_os_str().as_bytes();
            TreePath::parse(raw).map_err(|refusal| Error::refused(raw, refusal))
        })
        .collect::<Result<BTreeSet<_>, _>>()?;
    let mut writer = Writer::new(writer);
    // The first name of each file that has several, by device and number.
    let mut links: HashMap<(u64, u64), TreePath> = HashMap::new();
    // Folders on the way down, each with the names that are still to come, last first.
    let mut listing = Listing { excluded, meter: Meter::new(options.limits) };
    let mut stack = vec![(TreePath::default(), listing.names(dir, &TreePath::default())?)];
    while let Some((folder, left)) = stack.last_mut() {
        let Some(name) = left.pop() else {
            stack.pop();
            continue;
        };
        let path = folder.child(name.as_bytes());
        let at = dir.join(path.as_path());
        let found = fs::symlink_metadata(&at).map_err(Error::io("read", &at))?;
        if found.file_type().is_socket() {
            // It took the place of something else since the folder was listed.
            return Err(Error::refused(path.as_bytes(), Refusal::Changed));
        }
        let mut entry = describe(path, &at, &found)?;
        apply(&mut entry.meta, &entry.kind, options.mtime, options.owners, options.modes);
        if matches!(entry.kind, Kind::File(_)) && found.nlink() > 1 {
            let first = links.entry((found.dev(), found.ino())).or_insert_with(|| entry.path.clone());
            if *first != entry.path {
                entry.kind = Kind::HardLink(first.clone());
            }
        }
        listing.meter.weigh(&entry.path, &entry.meta, &entry.kind)?;
        match entry.kind {
            Kind::File(size) => append_file(&mut writer, &entry, &at, size)?,
            Kind::Folder => {
                writer.append(&entry, &mut io::empty())?;
                let below = listing.names(&at, &entry.path)?;
                stack.push((entry.path, below));
            }
            _ => writer.append(&entry, &mut io::empty())?,
        }
    }
    writer.finish()
}

/// Lists folders, and counts what it lists: names are held in memory before anything else is known of them.
struct Listing {
    excluded: BTreeSet<TreePath>,
    meter: Meter,
}

impl Listing {
    /// The names in the folder `at`, which is `path` in the tree, last first; those left out that have no place in
    /// the tree.
    fn names(&mut self, at: &Path, path: &TreePath) -> Result<Vec<OsString>, Error> {
        let read = |source| Error::io("read", at)(source);
        let mut names = Vec::new();
        for entry in fs::read_dir(at).map_err(read)? {
            let entry = entry.map_err(read)?;
            let name = entry.file_name();
            if !self.excluded.is_empty() && self.excluded.contains(&path.child(name.as_bytes())) {
                continue;
            }
            if entry.file_type().map_err(read)?.is_socket() {
                continue;
            }
            self.meter.count()?;
            names.push(name);
        }
        names.sort_unstable_by(|one, other| other.as_bytes().cmp(one.as_bytes()));
        Ok(names)
    }
}

fn append_file<W: Write>(writer: &mut Writer<W>, entry: &Entry, at: &Path, size: u64) -> Result<(), Error> {
    let mut file = open(at)?;
    let opened = file.metadata().map_err(Error::io("read", at))?;
    if !opened.is_file() || opened.len() != size {
        return Err(Error::refused(entry.path.as_bytes(), Refusal::Changed));
    }
    writer.append(entry, &mut file)
}

/// Opens a file to read it, and nothing that took its place: no link, no pipe that would block.
fn open(at: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(at)
        .map_err(Error::io("read", at))
}

fn describe(path: TreePath, at: &Path, found: &Metadata) -> Result<Entry, Error> {
    let kind = found.file_type();
    let device = || (major(found.rdev()), minor(found.rdev()));
    let kind = if kind.is_file() {
        Kind::File(found.len())
    } else if kind.is_dir() {
        Kind::Folder
    } else if kind.is_symlink() {
        Kind::Symlink(fs::read_link(at).map_err(Error::io("read", at))?.into_os_string().into_vec())
    } else if kind.is_fifo() {
        Kind::Fifo
    } else {
        let (major, minor) = device();
        if kind.is_char_device() { Kind::Char { major, minor } } else { Kind::Block { major, minor } }
    };
    let xattrs = match kind {
        Kind::File(_) | Kind::Folder => attributes(at)?,
        _ => BTreeMap::new(),
    };
    let meta = Meta {
        mode: found.mode() & 0o7777,
        uid: u64::from(found.uid()),
        gid: u64::from(found.gid()),
        mtime: found.mtime(),
        xattrs,
    };
    Ok(Entry { path, meta, kind })
}

/// The extended attributes that belong to the tree. A file system that has none is fine.
fn attributes(at: &Path) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Error> {
    let names = match xattr::list(at) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(BTreeMap::new()),
        Err(error) => return Err(Error::io("read the attributes of", at)(error)),
    };
    let mut attributes = BTreeMap::new();
    for name in names.filter(|name| belongs_to_the_tree(name.as_bytes())) {
        if let Some(value) = xattr::get(at, &name).map_err(Error::io("read the attributes of", at))? {
            attributes.insert(name.into_vec(), value);
        }
    }
    Ok(attributes)
}
