//! Archives that want out: each is refused by name, nothing outside is touched, nothing half-made stays.

use std::fs;
use std::path::Path;

use crate::fixture::{LIMITS, keep};
use tar::{EntryType, Header};
use tree::{Error, Limits, Refusal, normalize, unpack};

/// An archive of entries that no honest writer makes: names go into the header as they are.
struct Forge(Vec<u8>);

impl Forge {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn entry(mut self, name: &str, kind: EntryType, link: &str, data: &[u8]) -> Self {
        self.0.extend(block(name, kind, link, data.len() as u64));
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str) -> Self {
        self.entry(name, EntryType::Regular, "", b"payload")
    }

    fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(name, EntryType::Symlink, target, b"")
    }

    fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(name, EntryType::Link, target, b"")
    }

    fn pax(self, key: &str, value: &str) -> Self {
        let rest = key.len() + value.len() + 3;
        let length = (rest + 1..rest + 20).find(|length| rest + length.to_string().len() == *length).unwrap();
        self.entry("pax", EntryType::XHeader, "", format!("{length} {key}={value}\n").as_bytes())
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

fn block(name: &str, kind: EntryType, link: &str, size: u64) -> [u8; 512] {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    let raw = header.as_mut_bytes();
    raw[..name.len()].copy_from_slice(name.as_bytes());
    raw[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    *header.as_bytes()
}

/// Unpacks beside a sentinel and looks whether anything but the error remains.
fn refused(archive: &[u8], limits: &Limits, as_root: bool) -> Error {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("outside")).unwrap();
    fs::write(folder.path().join("outside/sentinel"), b"untouched").unwrap();
    let target = folder.path().join("tree");
    let error = unpack(archive, &target, limits, as_root).unwrap_err();
    assert!(!target.exists(), "half a tree stayed: {error}");
    let mut left: Vec<_> = walk(folder.path());
    left.sort();
    assert_eq!(left, ["outside", "outside/sentinel"], "{error}");
    assert_eq!(fs::read(folder.path().join("outside/sentinel")).unwrap(), b"untouched");
    error
}

fn walk(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            found.push(entry.path().strip_prefix(dir).unwrap().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
        }
    }
    found
}

/// Both ways in say the same about an archive.
#[track_caller]
fn both_refuse(archive: &[u8], named: &str, wanted: &Refusal) {
    for error in [refused(archive, &LIMITS, true), normalize(archive, std::io::sink(), &keep()).unwrap_err()]
    {
        match error {
            Error::Refused { entry, refusal } => assert_eq!((entry.as_str(), &refusal), (named, wanted)),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn absolute_paths_are_refused() {
    both_refuse(&Forge::new().file("/etc/cron.d/x").end(), "/etc/cron.d/x", &Refusal::Absolute);
    both_refuse(&Forge::new().pax("path", "/etc/x").file("x").end(), "/etc/x", &Refusal::Absolute);
}

#[test]
fn paths_that_climb_are_refused() {
    for name in ["../outside/sentinel", "a/../../outside/sentinel", "..", "a/.."] {
        both_refuse(&Forge::new().file(name).end(), name, &Refusal::Climbs);
    }
    let long =
        Forge::new().entry("././@LongLink", EntryType::GNULongName, "", b"../outside/x\0").file("x").end();
    both_refuse(&long, "../outside/x", &Refusal::Climbs);
}

#[test]
fn entries_below_a_link_are_refused() {
    let below = |name: &str| Refusal::BelowNoFolder(name.to_owned());
    for target in ["../outside", "/", "."] {
        let archive = Forge::new().symlink("door", target).file("door/sentinel").end();
        both_refuse(&archive, "door/sentinel", &below("door"));
        let archive = Forge::new().symlink("door", target).file("door/deep/sentinel").end();
        both_refuse(&archive, "door/deep/sentinel", &below("door"));
    }
    let archive = Forge::new().symlink("a/door", "../../outside").symlink("a/door/x", "y").end();
    both_refuse(&archive, "a/door/x", &below("a/door"));
    both_refuse(&Forge::new().file("file").file("file/x").end(), "file/x", &below("file"));
}

#[test]
fn a_link_may_not_take_the_place_of_a_folder() {
    let archive = Forge::new().file("a/file").symlink("a", "../outside").file("a/sentinel").end();
    both_refuse(&archive, "a", &Refusal::Duplicate);
}

#[test]
fn hard_links_may_only_name_files_of_the_archive() {
    for target in ["../outside/sentinel", "/etc/passwd", "nowhere", "a/../../outside/sentinel"] {
        let archive = Forge::new().hard_link("stolen", target).end();
        both_refuse(&archive, "stolen", &Refusal::BadHardLink(target.to_owned()));
    }
    let late = Forge::new().hard_link("early", "late").file("late").end();
    both_refuse(&late, "early", &Refusal::BadHardLink("late".to_owned()));
    let folder = Forge::new().entry("d", EntryType::Directory, "", b"").hard_link("x", "d").end();
    both_refuse(&folder, "x", &Refusal::BadHardLink("d".to_owned()));
    let through = Forge::new().symlink("door", "../outside").hard_link("x", "door/sentinel").end();
    both_refuse(&through, "x", &Refusal::BadHardLink("door/sentinel".to_owned()));
}

#[test]
fn a_path_may_come_only_once() {
    both_refuse(&Forge::new().file("a").file("a").end(), "a", &Refusal::Duplicate);
    both_refuse(
        &Forge::new().file("a").file("./a").end(),
        "./a".trim_start_matches("./"),
        &Refusal::Duplicate,
    );
    both_refuse(&Forge::new().symlink("a", "b").file("a").end(), "a", &Refusal::Duplicate);
    let folder = || Forge::new().entry("d", EntryType::Directory, "", b"");
    both_refuse(&folder().entry("d/", EntryType::Directory, "", b"").end(), "d", &Refusal::Duplicate);
}

#[test]
fn devices_are_refused_where_nobody_allowed_them() {
    let archive = Forge::new().entry("sda", EntryType::Block, "", b"").end();
    let error = refused(&archive, &LIMITS, false);
    assert!(matches!(error, Error::Refused { refusal: Refusal::Device, .. }), "{error}");
}

#[test]
fn types_that_no_tree_has_are_refused() {
    let archive = Forge::new().entry("s", EntryType::GNUSparse, "", b"").end();
    both_refuse(&archive, "s", &Refusal::Type("S (sparse file)".to_owned()));
    let archive = Forge::new().entry("v", EntryType::new(b'V'), "", b"").end();
    both_refuse(&archive, "v", &Refusal::Type("V".to_owned()));
    both_refuse(&Forge::new().entry("d", EntryType::Directory, "", b"x").end(), "d", &Refusal::Content);
}

#[test]
fn huge_headers_are_refused_before_they_are_read() {
    let mut archive = block("pax", EntryType::XHeader, "", 1 << 40).to_vec();
    archive.extend([b'x'; 4096]);
    both_refuse(&archive, "pax", &Refusal::HugeHeader(1 << 20));
    let mut many = Forge::new();
    for _ in 0..20 {
        many = many.pax("comment", "x");
    }
    both_refuse(&many.file("x").end(), "pax", &Refusal::Header("there are too many of them".to_owned()));
}

#[test]
fn a_global_header_may_only_comment() {
    let archive = |record: &str| {
        Forge::new().entry("g", EntryType::XGlobalHeader, "", record.as_bytes()).file("x").end()
    };
    assert!(normalize(archive("13 comment=a\n").as_slice(), std::io::sink(), &keep()).is_ok());
    let error = refused(&archive("18 path=/etc/cron\n"), &LIMITS, true);
    assert!(error.to_string().contains("global"), "{error}");
}

#[test]
fn too_many_entries_and_bytes_stop_before_they_are_written() {
    let mut bomb = Forge::new();
    for number in 0..100 {
        bomb = bomb.file(&format!("{number}"));
    }
    let bomb = bomb.end();
    let error = refused(&bomb, &Limits { entries: 50, bytes: 1 << 20 }, true);
    assert!(matches!(error, Error::TooManyEntries { limit: 50 }), "{error}");
    let error = refused(&bomb, &Limits { entries: 1000, bytes: 100 }, true);
    assert!(matches!(error, Error::TooManyBytes { limit: 100 }), "{error}");
    // Folders that only stand in paths count as well.
    let deep = Forge::new().file(&format!("{}x", "a/".repeat(40))).end();
    let error = refused(&deep, &Limits { entries: 30, bytes: 100 }, true);
    assert!(matches!(error, Error::TooManyEntries { limit: 30 }), "{error}");
    let claims = block("big", EntryType::Regular, "", 8 << 30);
    let error = refused(&claims, &LIMITS, true);
    assert!(matches!(error, Error::TooManyBytes { .. }), "{error}");
}

#[test]
fn an_archive_that_is_cut_off_is_an_error_and_not_a_short_tree() {
    let whole = Forge::new().file("a").file("b").end();
    for length in (0..whole.len() - 512).step_by(7) {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("tree");
        let error = unpack(&whole[..length], &target, &LIMITS, true).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{length}: {error}");
        assert!(!target.exists());
        assert!(normalize(&whole[..length], std::io::sink(), &keep()).is_err(), "{length}");
    }
}

#[test]
fn names_cannot_write_to_the_terminal() {
    let error = refused(&Forge::new().pax("path", "/\u{1b}[2Jx\n").file("x").end(), &LIMITS, true);
    assert!(!error.to_string().contains(['\u{1b}', '\n']), "{error}");
}

#[test]
fn a_target_that_exists_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine"), b"x").unwrap();
    let archive = Forge::new().file("a").end();
    assert!(unpack(archive.as_slice(), folder.path(), &LIMITS, true).is_err());
    assert_eq!(fs::read(folder.path().join("mine")).unwrap(), b"x");
}
