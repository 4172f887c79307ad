//! Archives and folders that the tests are made of.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tree::{Limits, NormalizeOptions};

pub(crate) const LIMITS: Limits = Limits { entries: 10_000, bytes: 64 << 20 };

pub(crate) fn keep() -> NormalizeOptions {
    NormalizeOptions::keep(LIMITS, std::env::temp_dir())
}

/// A small tree with one of everything that needs no privilege.
pub(crate) fn fixture(dir: &Path) {
    let set = |path: &str, mode| {
        fs::set_permissions(dir.join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir_all(dir.join("usr/bin")).unwrap();
    fs::create_dir_all(dir.join("a.b")).unwrap();
    fs::create_dir_all(dir.join("a")).unwrap();
    fs::write(dir.join("usr/bin/tool"), b"#!/bin/sh\necho tool\n").unwrap();
    fs::write(dir.join("a/empty"), b"").unwrap();
    fs::write(dir.join("a/ümlaut"), b"text\n").unwrap();
    fs::write(dir.join(format!("a/{}", "long".repeat(40))), vec![7; 1500]).unwrap();
    fs::hard_link(dir.join("usr/bin/tool"), dir.join("a/linked")).unwrap();
    symlink("usr/bin", dir.join("bin")).unwrap();
    symlink("/absolute/and/dangling", dir.join("a/dangling")).unwrap();
    for folder in ["usr", "usr/bin", "a.b"] {
        set(folder, 0o755);
    }
    set("a", 0o1777);
    set("usr/bin/tool", 0o4755);
    set("a/empty", 0o600);
    set("a/ümlaut", 0o644);
    set(&format!("a/{}", "long".repeat(40)), 0o640);
}
