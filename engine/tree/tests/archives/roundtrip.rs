//! What is packed comes back, and every way to the one form gives the same bytes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::fixture::{LIMITS, keep};
use proptest::prelude::*;
use tree::{Mtime, NormalizeOptions, Owners, PackOptions, Refusal, nest, normalize, pack, subtree, unpack};

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn packed(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack(dir, &mut bytes, &PackOptions { mtime: Mtime::Keep, ..PackOptions::at(0, LIMITS) }).unwrap();
    bytes
}

fn normalized(archive: &[u8], options: &NormalizeOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    normalize(archive, &mut bytes, options).unwrap();
    bytes
}

/// A node of a random tree.
#[derive(Debug, Clone)]
enum Node {
    File(Vec<u8>, u32),
    Folder(u32),
    Link(String),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-c.]{1,3}".prop_map(String::into_bytes),
        1 => "[a-z]{90,250}".prop_map(String::into_bytes),
        1 => prop::collection::vec(1_u8..=255, 1..6),
    ]
    .prop_filter("a name of a file", |name| !name.contains(&b'/') && name != b"." && name != b"..")
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![
        (prop::collection::vec(any::<u8>(), 0..1100), 0_u32..0o1000)
            .prop_map(|(data, mode)| Node::File(data, mode)),
        (0_u32..0o2000).prop_map(|mode| Node::Folder(mode | 0o700)),
        "[a-z/.]{1,200}".prop_map(Node::Link),
    ]
}

/// Puts as much of a random tree on disk as fits together, and gives the paths.
fn build(dir: &Path, nodes: &[(Vec<Vec<u8>>, Node)]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (names, node) in nodes {
        let path: PathBuf = names.iter().map(|name| OsString::from_vec(name.clone())).collect();
        let at = dir.join(&path);
        let mut above = dir.to_path_buf();
        let fits = path.parent().unwrap().components().all(|name| {
            above.push(name);
            match fs::symlink_metadata(&above) {
                Ok(found) => found.is_dir(),
                Err(_) => fs::create_dir(&above).is_ok(),
            }
        });
        if !fits || fs::symlink_metadata(&at).is_ok() {
            continue;
        }
        match node {
            Node::File(data, mode) => {
                fs::write(&at, data).unwrap();
                fs::set_permissions(&at, fs::Permissions::from_mode(*mode | 0o400)).unwrap();
                files.push(path);
            }
            Node::Folder(mode) => {
                fs::create_dir(&at).unwrap();
                fs::set_permissions(&at, fs::Permissions::from_mode(*mode)).unwrap();
            }
            Node::Link(target) => symlink(target, &at).unwrap(),
        }
    }
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn unpacking_and_packing_again_gives_the_same_bytes(
        nodes in prop::collection::vec((prop::collection::vec(name(), 1..5), node()), 0..24),
        link in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join("first");
        fs::create_dir(&first).unwrap();
        let files = build(&first, &nodes);
        if !files.is_empty() {
            let _ = fs::hard_link(first.join(link.get(&files)), first.join("hard"));
        }
        let bytes = packed(&first);
        let second = folder.path().join("second");
        unpack(bytes.as_slice(), &second, &LIMITS, is_root()).unwrap();
        prop_assert!(packed(&second) == bytes, "the second pack differs");
        prop_assert!(normalized(&bytes, &keep()) == bytes, "normalize changes what is in the form already");
    }

    #[test]
    fn moving_a_tree_down_and_up_gives_the_same_bytes(
        nodes in prop::collection::vec((prop::collection::vec(name(), 1..4), node()), 0..12),
    ) {
        let folder = tempfile::tempdir().unwrap();
        build(folder.path(), &nodes);
        let bytes = packed(folder.path());
        let (mut down, mut up) = (Vec::new(), Vec::new());
        nest(bytes.as_slice(), Path::new("srv/www"), &mut down, &keep()).unwrap();
        subtree(down.as_slice(), Path::new("srv/www"), &mut up, &keep()).unwrap();
        prop_assert!(up == bytes);
    }

    #[test]
    fn a_damaged_archive_never_panics_and_stays_inside(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("tree");
        crate::fixture::fixture(&dir);
        let mut bytes = packed(&dir);
        for (place, byte) in damage {
            let at = place.index(bytes.len());
            bytes[at] = byte;
            // Checksums are mended, so that the damage gets past them.
            let start = at - at % 512;
            if bytes[start + 257..].starts_with(b"ustar") {
                let block = &bytes[start..start + 512];
                let sum: u32 = block[..148].iter().chain(&block[156..]).map(|b| u32::from(*b)).sum::<u32>() + 256;
                bytes[start + 148..start + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        fs::remove_dir_all(&dir).unwrap();
        let unpacked = unpack(bytes.as_slice(), &dir, &LIMITS, is_root());
        prop_assert_eq!(unpacked.is_ok(), dir.exists());
        let beside: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        prop_assert!(beside.iter().all(|name| name == "tree"), "{:?}", beside);
        let normal = normalize(bytes.as_slice(), std::io::sink(), &keep());
        // Not the other way round: a disk refuses more than an archive does.
        prop_assert!(normal.is_ok() || unpacked.is_err());
    }

    #[test]
    fn random_bytes_never_panic_and_leave_nothing(
        mut bytes in prop::collection::vec(any::<u8>(), 0..3000),
        repair in any::<bool>(),
    ) {
        if repair && bytes.len() >= 512 {
            let sum: u32 = bytes[..148].iter().chain(&bytes[156..512]).map(|b| u32::from(*b)).sum::<u32>() + 256;
            bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        let unpacked = unpack(bytes.as_slice(), &target, &LIMITS, false);
        prop_assert_eq!(unpacked.is_ok(), target.exists());
        let _ = normalize(bytes.as_slice(), std::io::sink(), &keep());
    }
}

#[test]
fn the_order_of_an_archive_and_its_dialect_do_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tree");
    crate::fixture::fixture(&dir);
    let wanted = packed(&dir);
    let mut builder = tar::Builder::new(Vec::new());
    builder.follow_symlinks(false);
    // Backwards, with GNU long names, dots in front, and each folder after what it holds.
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut open = vec![dir.clone()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
            paths.push(entry.path().strip_prefix(&dir).unwrap().to_owned());
        }
    }
    paths.sort();
    for path in paths.iter().rev() {
        if path.ends_with("a/linked") {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Link);
            header.set_size(0);
            builder.append_link(&mut header, "./a/linked", "./usr/bin/tool").unwrap();
        } else {
            builder.append_path_with_name(dir.join(path), Path::new("./").join(path)).unwrap();
        }
    }
    let archive = builder.into_inner().unwrap();
    assert_eq!(vocab::Digest::of(normalized(&archive, &keep())), vocab::Digest::of(&wanted));
}

#[test]
fn gnu_tar_reads_and_writes_the_same_tree_tar() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tree");
    crate::fixture::fixture(&dir);
    let Some(tar) = test_parts::tool("tar", "gnu_tar_reads_and_writes_the_same_tree_tar") else { return };
    let wanted = packed(&dir);
    for format in ["gnu", "posix"] {
        let out = tar
            .command()
            .args(["--format", format, "-C"])
            .arg(&dir)
            .args(["-cf", "-", "."])
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(
            vocab::Digest::of(normalized(&out.stdout, &keep())),
            vocab::Digest::of(&wanted),
            "{format}"
        );
    }
    fs::write(folder.path().join("tree.tar"), &wanted).unwrap();
    let by_tar = folder.path().join("by_tar");
    fs::create_dir(&by_tar).unwrap();
    let out = tar
        .command()
        .args(["-xpf"])
        .arg(folder.path().join("tree.tar"))
        .arg("-C")
        .arg(&by_tar)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(packed(&by_tar) == wanted);
}

#[test]
fn names_that_are_no_text_survive() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tree");
    fs::create_dir(&dir).unwrap();
    let name = OsString::from_vec(b"caf\xe9\n".to_vec());
    fs::write(dir.join(&name), b"x").unwrap();
    symlink(OsString::from_vec(b"\xff\xfe".to_vec()), dir.join("link")).unwrap();
    let second = folder.path().join("second");
    unpack(packed(&dir).as_slice(), &second, &LIMITS, is_root()).unwrap();
    assert_eq!(fs::read(second.join(&name)).unwrap(), b"x");
    assert_eq!(fs::read_link(second.join("link")).unwrap().as_os_str().as_bytes(), b"\xff\xfe");
}

#[test]
fn owners_devices_and_capabilities_survive_for_root() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tree");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("ping"), b"elf").unwrap();
    std::os::unix::fs::chown(dir.join("ping"), Some(3_000_000), Some(12)).unwrap();
    // Version 2, CAP_NET_RAW permitted and effective.
    let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    xattr::set(dir.join("ping"), "security.capability", &capability).unwrap();
    xattr::set(dir.join("ping"), "user.note", b"\0\xff").unwrap();
    xattr::set(dir.join("ping"), "trusted.overlay.opaque", b"y").unwrap();
    nix::unistd::mkfifo(&dir.join("pipe"), nix::sys::stat::Mode::from_bits_truncate(0o620)).unwrap();
    let null = nix::sys::stat::makedev(1, 3);
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o666);
    if nix::sys::stat::mknod(&dir.join("null"), nix::sys::stat::SFlag::S_IFCHR, mode, null).is_err() {
        return;
    }
    let bytes = packed(&dir);
    let second = folder.path().join("second");
    unpack(bytes.as_slice(), &second, &LIMITS, true).unwrap();
    let found = fs::metadata(second.join("ping")).unwrap();
    assert_eq!((found.uid(), found.gid()), (3_000_000, 12));
    assert_eq!(xattr::get(second.join("ping"), "security.capability").unwrap().unwrap(), capability);
    assert_eq!(xattr::get(second.join("ping"), "trusted.overlay.opaque").unwrap(), None);
    assert_eq!(fs::metadata(second.join("null")).unwrap().rdev(), null);
    assert!(packed(&second) == bytes);

    let third = folder.path().join("third");
    let error = unpack(bytes.as_slice(), &third, &LIMITS, false).unwrap_err();
    assert!(matches!(error, tree::Error::Refused { refusal: Refusal::Device, .. }), "{error}");
    assert!(!third.exists());
}

#[test]
fn a_part_of_a_tree_keeps_the_content_of_links_to_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tree");
    crate::fixture::fixture(&dir);
    let mut part = Vec::new();
    subtree(packed(&dir).as_slice(), Path::new("usr"), &mut part, &keep()).unwrap();
    let second = folder.path().join("second");
    unpack(part.as_slice(), &second, &LIMITS, is_root()).unwrap();
    assert_eq!(fs::read(second.join("bin/tool")).unwrap(), b"#!/bin/sh\necho tool\n");
    for missing in ["bin", "usr/bin/tool", "nowhere"] {
        let part = subtree(packed(&dir).as_slice(), Path::new(missing), std::io::sink(), &keep());
        assert!(matches!(part, Err(tree::Error::NoSuchFolder(_))), "{missing}");
    }
}

#[test]
fn a_tree_does_not_depend_on_owner_and_time_when_asked() {
    let options = NormalizeOptions { mtime: Mtime::Fixed(7), owners: Owners::Root, ..keep() };
    let archive = |uid: u64, mtime: u64| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(1);
        header.set_mode(0o100_644);
        header.set_uid(uid);
        header.set_mtime(mtime);
        builder.append_data(&mut header, "deep/file", &b"x"[..]).unwrap();
        builder.into_inner().unwrap()
    };
    let one = normalized(&archive(1, 2), &options);
    assert!(one == normalized(&archive(1000, 99_999_999), &options));
    let names: BTreeMap<_, _> = tar::Archive::new(one.as_slice())
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.path().unwrap().into_owned(), entry.header().mode().unwrap())
        })
        .collect();
    assert_eq!(names, BTreeMap::from([("deep/".into(), 0o755), ("deep/file".into(), 0o644)]));
}
