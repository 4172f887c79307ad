//! Paths inside a tree: relative, without `.` and `..`, as bytes.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::Refusal;

/// What a Linux file system takes for a whole path.
const PATH_BYTES: usize = 4095;
/// What a Linux file system takes for one name.
const NAME_BYTES: usize = 255;

/// The path of an entry. The empty path is the root of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct TreePath(Box<[u8]>);

impl TreePath {
    /// Reads a path as archives write it: `./a/b`, `a/b/`. An absolute path or one with `..` is refused.
    pub(crate) fn parse(raw: &[u8]) -> Result<Self, Refusal> {
        if raw.is_empty() || raw.contains(&0) {
            return Err(Refusal::BadPath);
        }
        if raw[0] == b'/' {
            return Err(Refusal::Absolute);
        }
        if raw.len() > 2 * PATH_BYTES {
            return Err(Refusal::TooLong);
        }
        let mut clean = Vec::with_capacity(raw.len());
        for name in raw.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => return Err(Refusal::Climbs),
                name if name.len() > NAME_BYTES => return Err(Refusal::TooLong),
                name => {
                    if !clean.is_empty() {
                        clean.push(b'/');
                    }
                    clean.extend_from_slice(name);
                }
            }
        }
        if clean.len() > PATH_BYTES { Err(Refusal::TooLong) } else { Ok(Self(clean.into())) }
    }

    /// This path with `name`, a single name, below it.
    pub(crate) fn child(&self, name: &[u8]) -> Self {
        self.join(&Self(name.into()))
    }

    /// This path with all of `below` below it.
    pub(crate) fn join(&self, below: &Self) -> Self {
        if self.is_root() {
            return below.clone();
        }
        if below.is_root() {
            return self.clone();
        }
        Self([&self.0, &b"/"[..], &below.0].concat().into())
    }

    /// What remains of this path below `top`; `None` when it does not lie below it.
    pub(crate) fn below(&self, top: &Self) -> Option<Self> {
        if top.is_root() {
            return Some(self.clone());
        }
        let rest = self.0.strip_prefix(&*top.0)?.strip_prefix(b"/")?;
        (!rest.is_empty()).then(|| Self(rest.into()))
    }

    /// The folder that holds this entry; `None` for the root.
    pub(crate) fn parent(&self) -> Option<Self> {
        let name = self.name()?;
        let end = self.0.len() - name.len();
        Some(Self(self.0[..end.saturating_sub(1)].into()))
    }

    /// The last name; `None` for the root.
    pub(crate) fn name(&self) -> Option<&[u8]> {
        self.names().next_back()
    }

    /// All names from the root down.
    pub(crate) fn names(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
    }

    pub(crate) const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Relative to the root of the tree.
    pub(crate) fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }
}

impl Ord for TreePath {
    /// Name by name, so that a folder is followed by all that lies below it.
    fn cmp(&self, other: &Self) -> Ordering {
        self.names().cmp(other.names())
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        for raw in ["a/b", "./a/b", "a/b/", "a//b", "./a/./b/."] {
            assert_eq!(TreePath::parse(raw.as_bytes()).unwrap().as_bytes(), b"a/b", "{raw}");
        }
        assert!(TreePath::parse(b"./").unwrap().is_root());
    }

    #[test]
    fn paths_that_leave_the_tree_are_refused() {
        assert_eq!(TreePath::parse(b"/etc/passwd"), Err(Refusal::Absolute));
        assert_eq!(TreePath::parse(b"a/../../b"), Err(Refusal::Climbs));
        assert_eq!(TreePath::parse(b""), Err(Refusal::BadPath));
        assert_eq!(TreePath::parse(b"a\0b"), Err(Refusal::BadPath));
        assert_eq!(TreePath::parse(&[b'a'; 256]), Err(Refusal::TooLong));
    }

    #[test]
    fn a_folder_is_followed_by_what_it_holds() {
        let mut paths: Vec<_> =
            ["a.b", "a/c", "a", "b"].iter().map(|raw| TreePath::parse(raw.as_bytes()).unwrap()).collect();
        paths.sort();
        let sorted: Vec<_> = paths.iter().map(TreePath::as_bytes).collect();
        assert_eq!(sorted, [&b"a"[..], b"a/c", b"a.b", b"b"]);
    }

    #[test]
    fn a_name_that_only_begins_alike_is_not_below() {
        let path = |raw: &str| TreePath::parse(raw.as_bytes()).unwrap();
        assert_eq!(path("ab/c").below(&path("a")), None);
        assert_eq!(path("a/b").below(&path("a")), Some(path("b")));
        assert_eq!(path("a/b").parent(), Some(path("a")));
        assert_eq!(path("a").parent(), Some(TreePath::default()));
        assert_eq!(TreePath::default().parent(), None);
    }
}
