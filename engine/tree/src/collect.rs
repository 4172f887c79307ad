//! A whole archive in hand: entries in memory, sorted, content in a file without a name.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use crate::Refusal;
use crate::entry::{Entry, Kind, Meta};
use crate::error::{Error, readable};
use crate::options::{Limits, NormalizeOptions, apply};
use crate::path::TreePath;
use crate::read::Reader;
use crate::write::{Archive, Writer};

/// Names, targets and attributes of one tree: all that stays in memory.
const METADATA_BYTES: u64 = 512 << 20;

/// An archive's entries by path, and where their content lies.
pub(crate) struct Collected {
    nodes: BTreeMap<TreePath, Node>,
    spool: File,
}

#[derive(Clone)]
struct Node {
    meta: Meta,
    kind: Kind,
    /// Which content a file has. Hard links of a file share its number.
    content: Option<Content>,
    /// Whether only paths of other entries mention it.
    implied: bool,
}

#[derive(Clone, Copy)]
struct Content {
    number: u64,
    offset: u64,
}

/// Counts what a tree takes and stops it at its bounds.
pub(crate) struct Meter {
    limits: Limits,
    entries: u64,
    bytes: u64,
    metadata: u64,
}

impl Meter {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self { limits, entries: 0, bytes: 0, metadata: 0 }
    }

    /// Takes in an entry, before any of its content is read.
    pub(crate) fn charge(&mut self, path: &TreePath, meta: &Meta, kind: &Kind) -> Result<(), Error> {
        self.count()?;
        self.weigh(path, meta, kind)
    }

    /// Takes in an entry of which no more than the name is known.
    pub(crate) const fn count(&mut self) -> Result<(), Error> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(Error::TooManyEntries { limit: self.limits.entries });
        }
        Ok(())
    }

    /// Takes in what a counted entry weighs, before any of its content is read.
    pub(crate) fn weigh(&mut self, path: &TreePath, meta: &Meta, kind: &Kind) -> Result<(), Error> {
        let link = match kind {
            Kind::Symlink(target) => target.len(),
            _ => 0,
        };
        self.metadata += (path.as_bytes().len() + link) as u64 + meta.weight();
        if self.metadata > METADATA_BYTES {
            return Err(Error::TooMuchMetadata { limit: METADATA_BYTES });
        }
        if let Kind::File(size) = kind {
            self.bytes = self.bytes.saturating_add(*size);
            if self.bytes > self.limits.bytes {
                return Err(Error::TooManyBytes { limit: self.limits.bytes });
            }
        }
        Ok(())
    }

    pub(crate) const fn entries(&self) -> u64 {
        self.entries
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Collected {
    /// Reads an archive to its end. What is not a tree is refused.
    pub(crate) fn read(input: impl Read, options: &NormalizeOptions) -> Result<Self, Error> {
        let spool =
            tempfile::tempfile_in(&options.spool).map_err(Error::io("create a file in", &options.spool))?;
        let mut out = BufWriter::new(spool);
        let mut reader = Reader::new(BufReader::with_capacity(1 << 16, input));
        let mut meter = Meter::new(options.limits);
        let mut nodes: BTreeMap<TreePath, Node> = BTreeMap::new();
        let mut offset = 0;
        while let Some(Entry { path, meta, kind }) = reader.next()? {
            meter.charge(&path, &meta, &kind)?;
            imply_parents(&mut nodes, &path, &mut meter)?;
            let mut node = Node { meta, kind, content: None, implied: false };
            match &node.kind {
                Kind::File(size) => {
                    let copied =
                        io::copy(&mut reader.content(), &mut out).map_err(|source| match source.kind() {
                            io::ErrorKind::UnexpectedEof => reader.io(source),
                            _ => Error::io("write the content to", &options.spool)(source),
                        })?;
                    debug_assert_eq!(copied, *size);
                    node.content = Some(Content { number: meter.entries(), offset });
                    offset += copied;
                }
                // A link may also name another link or a pipe; then it is one more of those.
                Kind::HardLink(target) => match nodes.get(target) {
                    Some(first) if first.kind != Kind::Folder => node = first.clone(),
                    _ => {
                        let refusal = Refusal::BadHardLink(readable(target.as_bytes()));
                        return Err(Error::refused(path.as_bytes(), refusal));
                    }
                },
                _ => {}
            }
            let twice = match nodes.get(&path) {
                None => false,
                Some(before) => !(before.implied && node.kind == Kind::Folder),
            };
            if twice {
                return Err(Error::refused(path.as_bytes(), Refusal::Duplicate));
            }
            nodes.insert(path, node);
        }
        let spool =
            out.into_inner().map_err(|error| Error::io("write to", &options.spool)(error.into_error()))?;
        Ok(Self { nodes, spool })
    }

    /// Rewrites metadata.
    pub(crate) fn apply(&mut self, options: &NormalizeOptions) {
        for node in self.nodes.values_mut() {
            apply(&mut node.meta, &node.kind, options.mtime, options.owners, options.modes);
        }
    }

    /// Only what lies below `top`, with `top` as the new root.
    pub(crate) fn below(mut self, top: &TreePath) -> Result<Self, Error> {
        let is_folder = top.is_root() || self.nodes.get(top).is_some_and(|node| node.kind == Kind::Folder);
        if !is_folder {
            return Err(Error::NoSuchFolder(readable(top.as_bytes())));
        }
        self.nodes =
            self.nodes.into_iter().filter_map(|(path, node)| Some((path.below(top)?, node))).collect();
        Ok(self)
    }

    /// Everything, with the old root as the folder `top`.
    pub(crate) fn within(mut self, top: &TreePath) -> Self {
        self.nodes = self.nodes.into_iter().map(|(path, node)| (top.join(&path), node)).collect();
        let mut folder = Some(top.clone());
        while let Some(path) = folder.filter(|path| !path.is_root()) {
            folder = path.parent();
            self.nodes.insert(path, Node::implied());
        }
        self
    }

    /// Writes the entries in order. The first name of a file holds its content, whichever did so before.
    pub(crate) fn write(self, output: impl Write) -> Result<Archive, Error> {
        let mut writer = Writer::new(BufWriter::with_capacity(1 << 16, output));
        let mut first_names: HashMap<u64, TreePath> = HashMap::new();
        for (path, node) in self.nodes {
            let mut entry = Entry { path, meta: node.meta, kind: node.kind };
            let (Some(content), Kind::File(size)) = (node.content, &entry.kind) else {
                writer.append(&entry, &mut io::empty())?;
                continue;
            };
            if let Some(first) = first_names.get(&content.number) {
                entry.kind = Kind::HardLink(first.clone());
                writer.append(&entry, &mut io::empty())?;
                continue;
            }
            first_names.insert(content.number, entry.path.clone());
            let mut spool = &self.spool;
            spool.seek(SeekFrom::Start(content.offset)).map_err(|source| Error::Io {
                action: "read",
                at: "the spool file".to_owned(),
                source,
            })?;
            writer.append(&entry, &mut spool.take(*size))?;
        }
        writer.finish()
    }
}

impl Node {
    const fn implied() -> Self {
        Self { meta: Meta::implied_folder(), kind: Kind::Folder, content: None, implied: true }
    }
}

/// Makes sure that every folder above `path` is there and is one.
fn imply_parents(
    nodes: &mut BTreeMap<TreePath, Node>,
    path: &TreePath,
    meter: &mut Meter,
) -> Result<(), Error> {
    let mut missing = Vec::new();
    let mut above = path.parent();
    while let Some(folder) = above.filter(|folder| !folder.is_root()) {
        match nodes.get(&folder) {
            Some(node) if node.kind == Kind::Folder => break,
            Some(_) => {
                let refusal = Refusal::BelowNoFolder(readable(folder.as_bytes()));
                return Err(Error::refused(path.as_bytes(), refusal));
            }
            None => {
                above = folder.parent();
                missing.push(folder);
            }
        }
    }
    for folder in missing {
        let node = Node::implied();
        meter.charge(&folder, &node.meta, &node.kind)?;
        nodes.insert(folder, node);
    }
    Ok(())
}
