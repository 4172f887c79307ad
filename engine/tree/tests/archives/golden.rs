//! The form never changes silently: its bytes are pinned by a digest.

use crate::fixture::LIMITS;
use tree::{Modes, Mtime, Owners, PackOptions, pack};

fn options() -> PackOptions {
    PackOptions { owners: Owners::Root, ..PackOptions::at(1_700_000_000, LIMITS) }
}

#[test]
fn the_bytes_of_a_tree_are_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    crate::fixture::fixture(&tree);
    let mut bytes = Vec::new();
    let archive = pack(&tree, &mut bytes, &options()).unwrap();
    assert_eq!(archive.digest, vocab::Digest::of(&bytes));
    assert_eq!(archive.size, bytes.len() as u64);
    assert_eq!(
        archive.digest.to_string(),
        "sha256:c4fd8246edf5c46d2fcc751eb1852870f63c1c605b56b3f37c08600d780264be",
        "every tree in every content store gets a new digest: change the form only with a reason"
    );
}

#[test]
fn another_reader_sees_the_same_tree() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    crate::fixture::fixture(&tree);
    let mut bytes = Vec::new();
    pack(&tree, &mut bytes, &options()).unwrap();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let seen: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.header().mode().unwrap();
            assert_eq!(entry.header().mtime().unwrap(), 1_700_000_000);
            let link = entry.link_name_bytes().map(|link| String::from_utf8(link.into_owned()).unwrap());
            (String::from_utf8(entry.path_bytes().into_owned()).unwrap(), mode, entry.size(), link)
        })
        .collect();
    let long = format!("a/{}", "long".repeat(40));
    let row =
        |path: &str, mode, size, link: Option<&str>| (path.to_owned(), mode, size, link.map(str::to_owned));
    assert_eq!(
        seen,
        [
            row("a/", 0o1777, 0, None),
            row("a/dangling", 0o777, 0, Some("/absolute/and/dangling")),
            row("a/empty", 0o600, 0, None),
            row("a/linked", 0o4755, 20, None),
            row(&long, 0o640, 1500, None),
            row("a/ümlaut", 0o644, 5, None),
            row("a.b/", 0o755, 0, None),
            row("bin", 0o777, 0, Some("usr/bin")),
            row("usr/", 0o755, 0, None),
            row("usr/bin/", 0o755, 0, None),
            row("usr/bin/tool", 0o4755, 0, Some("a/linked")),
        ]
    );
}

#[test]
fn plain_modes_and_excluded_paths_hide_who_made_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    crate::fixture::fixture(&tree);
    let options = PackOptions { modes: Modes::Plain, exclude: vec!["a".into()], ..options() };
    let mut bytes = Vec::new();
    pack(&tree, &mut bytes, &options).unwrap();
    let mut archive = tar::Archive::new(bytes.as_slice());
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        assert!(!entry.path().unwrap().starts_with("a"), "{:?}", entry.path());
        if entry.header().entry_type().is_file() {
            assert_eq!(entry.header().mode().unwrap(), 0o755);
        }
    }
}

#[test]
fn times_are_kept_or_bounded_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    let file = std::fs::File::create(tree.join("old")).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_234_900);
    file.set_times(std::fs::FileTimes::new().set_modified(time)).unwrap();
    let mtime = |mtime| {
        let mut bytes = Vec::new();
        pack(&tree, &mut bytes, &PackOptions { mtime, ..options() }).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        entry.header().mtime().unwrap()
    };
    assert_eq!(mtime(Mtime::Keep), 1234);
    assert_eq!(mtime(Mtime::AtMost(1000)), 1000);
    assert_eq!(mtime(Mtime::AtMost(5000)), 1234);
}
