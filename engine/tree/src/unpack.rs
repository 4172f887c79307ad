//! From an archive to a folder, without following anything that the archive made.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{
    FchmodatFlags, Mode, SFlag, UtimensatFlags, fchmod, fchmodat, futimens, makedev, mkdirat, mknodat,
    utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown, fchownat, linkat, mkfifoat, symlinkat};
use xattr::FileExt;

use crate::Refusal;
use crate::collect::Meter;
use crate::entry::{Entry, Kind, Meta};
use crate::error::{Error, readable};
use crate::options::Limits;
use crate::path::TreePath;
use crate::read::Reader;

/// What was put on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Files, folders, links and devices.
    pub entries: u64,
    /// Bytes of content.
    pub bytes: u64,
}

/// Puts an archive's tree at `dir`, which must not exist; its parent must.
///
/// With `as_root` owners, devices and `security.*` attributes are set as the archive has them. Without, everything
/// belongs to the caller, those attributes are left out, and a device is refused.
///
/// Whatever the archive holds, nothing outside `dir` is read or written: each name is opened below its parent's
/// handle, no link is followed, and a hard link may only name a file of this archive. On an error `dir` is gone.
pub fn unpack(reader: impl Read, dir: &Path, limits: &Limits, as_root: bool) -> Result<Summary, Error> {
    DirBuilder::new().mode(0o755).create(dir).map_err(Error::io("create", dir))?;
    let unpacked = Unpacking::start(dir, *limits, as_root).and_then(|unpacking| unpacking.run(reader));
    if unpacked.is_err() {
        // The first error is the one to tell; a folder that stays is in the caller's own work folder.
        let _ = fs::remove_dir_all(dir);
    }
    unpacked
}

struct Unpacking<'a> {
    dir: &'a Path,
    root: OwnedFd,
    as_root: bool,
    meter: Meter,
    /// Folders that were made; those with metadata were entries themselves.
    folders: BTreeMap<TreePath, Option<Meta>>,
    /// Files that were made: what a hard link may name.
    files: HashSet<TreePath>,
    /// Handle of the folder that was used last: entries of one folder come together.
    last: Option<(TreePath, OwnedFd)>,
}

impl<'a> Unpacking<'a> {
    fn start(dir: &'a Path, limits: Limits, as_root: bool) -> Result<Self, Error> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let root = openat(AT_FDCWD, dir, flags, Mode::empty())
            .map_err(|errno| Error::io("open", dir)(errno.into()))?;
        Ok(Self {
            dir,
            root,
            as_root,
            meter: Meter::new(limits),
            folders: BTreeMap::from([(TreePath::default(), None)]),
            files: HashSet::new(),
            last: None,
        })
    }

    fn run(mut self, input: impl Read) -> Result<Summary, Error> {
        let mut reader = Reader::new(io::BufReader::with_capacity(1 << 16, input));
        while let Some(entry) = reader.next()? {
            self.meter.charge(&entry.path, &entry.meta, &entry.kind)?;
            self.place(entry, &mut reader)?;
        }
        self.finish_folders()?;
        Ok(Summary { entries: self.meter.entries(), bytes: self.meter.bytes() })
    }

    fn place<R: Read>(&mut self, entry: Entry, reader: &mut Reader<R>) -> Result<(), Error> {
        let Entry { path, meta, kind } = entry;
        let parent = self.parent_of(&path)?;
        let name = OsStr::from_bytes(path.name().unwrap_or_default()).to_owned();
        let name = name.as_os_str();
        let make = |outcome: nix::Result<()>| {
            outcome.map_err(|errno| match errno {
                Errno::EEXIST => Error::refused(path.as_bytes(), Refusal::Duplicate),
                errno => Error::io("create", &self.dir.join(path.as_path()))(errno.into()),
            })
        };
        // What only this process can see until its mode is set for good.
        let private = Mode::S_IRUSR | Mode::S_IWUSR;
        match kind {
            Kind::File(_) => {
                let flags =
                    OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let mut opened = None;
                make(openat(&parent, name, flags, private).map(|fd| opened = Some(fd)))?;
                if let Some(fd) = opened {
                    self.fill(File::from(fd), &path, &meta, reader)?;
                }
                self.files.insert(path);
            }
            Kind::Folder => {
                if let Some(known) = self.folders.get_mut(&path) {
                    if known.is_some() {
                        return Err(Error::refused(path.as_bytes(), Refusal::Duplicate));
                    }
                    *known = Some(meta);
                } else {
                    make(mkdirat(&parent, name, Mode::S_IRWXU))?;
                    self.folders.insert(path, Some(meta));
                }
            }
            Kind::HardLink(target) => {
                if !self.files.contains(&target) {
                    let refusal = Refusal::BadHardLink(readable(target.as_bytes()));
                    return Err(Error::refused(path.as_bytes(), refusal));
                }
                let from = self.open_parent(&target)?;
                let old = OsStr::from_bytes(target.name().unwrap_or_default());
                make(linkat(&from, old, &parent, name, AtFlags::empty()))?;
                self.files.insert(path);
            }
            Kind::Symlink(target) => {
                make(symlinkat(OsStr::from_bytes(&target), &parent, name))?;
                self.finish_node(&parent, name, &path, &meta, None)?;
            }
            Kind::Fifo => {
                make(mkfifoat(&parent, name, private))?;
                self.finish_node(&parent, name, &path, &meta, Some(mode_of(&meta)))?;
            }
            Kind::Char { .. } | Kind::Block { .. } if !self.as_root => {
                return Err(Error::refused(path.as_bytes(), Refusal::Device));
            }
            Kind::Char { major, minor } => {
                make(mknodat(&parent, name, SFlag::S_IFCHR, private, makedev(major, minor)))?;
                self.finish_node(&parent, name, &path, &meta, Some(mode_of(&meta)))?;
            }
            Kind::Block { major, minor } => {
                make(mknodat(&parent, name, SFlag::S_IFBLK, private, makedev(major, minor)))?;
                self.finish_node(&parent, name, &path, &meta, Some(mode_of(&meta)))?;
            }
        }
        Ok(())
    }

    fn fill<R: Read>(
        &self,
        mut file: File,
        path: &TreePath,
        meta: &Meta,
        reader: &mut Reader<R>,
    ) -> Result<(), Error> {
        let at = self.dir.join(path.as_path());
        io::copy(&mut reader.content(), &mut file).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => reader.io(source),
            _ => Error::io("write", &at)(source),
        })?;
        self.finish_open(&file, path, meta)
    }

    /// Owner first, since a change of owner clears set-id bits and capabilities; time last.
    fn finish_open(&self, file: &File, path: &TreePath, meta: &Meta) -> Result<(), Error> {
        let at = self.dir.join(path.as_path());
        let failed = |errno: Errno| Error::io("set the owner, mode or time of", &at)(errno.into());
        if self.as_root {
            let (uid, gid) = owner_of(meta);
            fchown(file, Some(uid), Some(gid)).map_err(failed)?;
        }
        fchmod(file, mode_of(meta)).map_err(failed)?;
        for (name, value) in &meta.xattrs {
            if self.as_root || name.starts_with(b"user.") {
                file.set_xattr(OsStr::from_bytes(name), value)
                    .map_err(Error::io("set the attributes of", &at))?;
            }
        }
        let time = TimeSpec::new(meta.mtime, 0);
        futimens(file, &time, &time).map_err(failed)
    }

    /// For what cannot be opened without effect: links, pipes, devices.
    fn finish_node(
        &self,
        parent: &OwnedFd,
        name: &OsStr,
        path: &TreePath,
        meta: &Meta,
        mode: Option<Mode>,
    ) -> Result<(), Error> {
        let finish = || {
            if self.as_root {
                let (uid, gid) = owner_of(meta);
                fchownat(parent, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)?;
            }
            if let Some(mode) = mode {
                // The name was made just now with O_EXCL's guarantee and is no link.
                fchmodat(parent, name, mode, FchmodatFlags::FollowSymlink)?;
            }
            let time = TimeSpec::new(meta.mtime, 0);
            utimensat(parent, name, &time, &time, UtimensatFlags::NoFollowSymlink)
        };
        finish().map_err(|errno: Errno| {
            Error::io("set the owner, mode or time of", &self.dir.join(path.as_path()))(errno.into())
        })
    }

    /// Folders get their metadata at the end: one of mode 0500 could not be filled, and filling one moves its time.
    fn finish_folders(&mut self) -> Result<(), Error> {
        let folders = std::mem::take(&mut self.folders);
        for (path, meta) in folders.into_iter().rev().filter(|(path, _)| !path.is_root()) {
            let meta = meta.unwrap_or_else(Meta::implied_folder);
            let parent = self.open_parent(&path)?;
            let name = OsStr::from_bytes(path.name().unwrap_or_default());
            let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let folder = openat(&parent, name, flags, Mode::empty())
                .map_err(|errno| Error::io("open", &self.dir.join(path.as_path()))(errno.into()))?;
            self.finish_open(&File::from(folder), &path, &meta)?;
        }
        Ok(())
    }

    /// The handle of the folder that is to hold `path`, made where no entry mentioned it.
    fn parent_of(&mut self, path: &TreePath) -> Result<OwnedFd, Error> {
        let Some(parent) = path.parent() else {
            return Err(Error::refused(path.as_bytes(), Refusal::BadPath));
        };
        if let Some((_, handle)) = self.last.as_ref().filter(|(folder, _)| *folder == parent) {
            return handle.try_clone().map_err(Error::io("open", self.dir));
        }
        let mut missing = Vec::new();
        let mut above = parent.clone();
        while !self.folders.contains_key(&above) {
            missing.push(above.clone());
            match above.parent() {
                Some(next) => above = next,
                None => break,
            }
        }
        for folder in missing.into_iter().rev() {
            self.meter.charge(&folder, &Meta::implied_folder(), &Kind::Folder)?;
            let holder = self.open_parent(&folder)?;
            let name = OsStr::from_bytes(folder.name().unwrap_or_default());
            mkdirat(&holder, name, Mode::S_IRWXU).map_err(|errno| match errno {
                Errno::EEXIST => {
                    Error::refused(path.as_bytes(), Refusal::BelowNoFolder(readable(folder.as_bytes())))
                }
                errno => Error::io("create", &self.dir.join(folder.as_path()))(errno.into()),
            })?;
            self.folders.insert(folder, None);
        }
        let handle = self.walk(&parent)?;
        let kept = handle.try_clone().map_err(Error::io("open", self.dir))?;
        self.last = Some((parent, kept));
        Ok(handle)
    }

    fn open_parent(&self, path: &TreePath) -> Result<OwnedFd, Error> {
        self.walk(&path.parent().unwrap_or_default())
    }

    /// Opens a folder name by name from the root. A link on the way is an error of the system, never a step aside.
    fn walk(&self, folder: &TreePath) -> Result<OwnedFd, Error> {
        let failed = |source: io::Error| Error::io("open", &self.dir.join(folder.as_path()))(source);
        let mut handle = self.root.try_clone().map_err(failed)?;
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        for name in folder.names() {
            handle = openat(&handle, OsStr::from_bytes(name), flags, Mode::empty())
                .map_err(|errno| failed(errno.into()))?;
        }
        Ok(handle)
    }
}

fn mode_of(meta: &Meta) -> Mode {
    Mode::from_bits_truncate(meta.mode)
}

fn owner_of(meta: &Meta) -> (Uid, Gid) {
    // The reader lets no larger ids through.
    let id = |id: u64| u32::try_from(id).unwrap_or(u32::MAX - 1);
    (Uid::from_raw(id(meta.uid)), Gid::from_raw(id(meta.gid)))
}
