//! A folder above its bounds is refused before it is written, as an archive is.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;

use tree::{Error, Limits, PackOptions, pack, unpack};

fn packed(dir: &Path, entries: u64, bytes: u64) -> Result<Vec<u8>, Error> {
    let mut archive = Vec::new();
    let options =
        PackOptions { exclude: vec!["left-out".into()], ..PackOptions::at(0, Limits { entries, bytes }) };
    pack(dir, &mut archive, &options).map(|_| archive)
}

#[test]
fn a_folder_with_too_many_entries_is_refused_with_the_name_of_the_limit() {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir(tree.path().join("folder")).unwrap();
    for number in 0..9 {
        fs::write(tree.path().join(format!("folder/{number}")), "").unwrap();
    }
    // What is not part of the tree does not count.
    fs::create_dir(tree.path().join("left-out")).unwrap();
    fs::write(tree.path().join("left-out/file"), "").unwrap();
    let _socket = UnixListener::bind(tree.path().join("socket")).unwrap();
    let limits = Limits { entries: 10, bytes: 0 };
    let archive = packed(tree.path(), 10, 0).unwrap();
    let target = tempfile::tempdir().unwrap();
    let summary = unpack(archive.as_slice(), &target.path().join("tree"), &limits, false).unwrap();
    assert_eq!(summary.entries, 10);
    let error = packed(tree.path(), 9, 0).unwrap_err();
    assert!(matches!(error, Error::TooManyEntries { limit: 9 }), "{error:?}");
    assert!(error.to_string().contains("tree_entries"), "{error}");
}

#[test]
fn a_folder_with_too_much_content_is_refused_and_a_second_name_costs_nothing() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("one"), [1; 600]).unwrap();
    fs::hard_link(tree.path().join("one"), tree.path().join("two")).unwrap();
    assert!(packed(tree.path(), 10, 600).is_ok());
    let error = packed(tree.path(), 10, 599).unwrap_err();
    assert!(matches!(error, Error::TooManyBytes { limit: 599 }), "{error:?}");
    assert!(error.to_string().contains("tree_bytes"), "{error}");
    // A hole is content: an archive has none.
    fs::File::create(tree.path().join("sparse")).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(packed(tree.path(), 10, 1 << 30), Err(Error::TooManyBytes { .. })));
}
