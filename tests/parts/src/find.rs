//! Where a program is, and which version.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::report::{skipped, used};

/// A program that was found and answered when asked for its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// The name it was asked for by.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its version as it says, such as `1.9.3`; `unknown` when its answer holds none.
    pub version: String,
}

impl Tool {
    /// A command that runs it, without arguments and with this process's environment.
    #[expect(clippy::disallowed_methods, reason = "tests drive other programs; no tenant's code runs here")]
    pub fn command(&self) -> Command {
        Command::new(&self.path)
    }
}

/// Finds the program `name` for the test `test`, and records that it was used or is missing.
///
/// `None` means that the test returns at once: the skip has been said already.
pub fn tool(name: &str, test: &str) -> Option<Tool> {
    let Some(path) = find(name) else {
        skipped(name, test, &format!("{name} is not on PATH"));
        return None;
    };
    let mut tool = Tool { name: name.to_owned(), path, version: String::new() };
    tool.version = version(&tool);
    used(&tool.name, &tool.version, test);
    Some(tool)
}

fn find(name: &str) -> Option<PathBuf> {
    folders().into_iter().map(|folder| folder.join(name)).find(|path| is_program(path))
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the tools are is the test set-up's to say, not the product's"
)]
fn folders() -> Vec<PathBuf> {
    let given = std::env::var_os("IMAGE_FACTORY_TOOLS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let admin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    given.into_iter().chain(std::env::split_paths(&path)).chain(admin).chain(postgres_folders()).collect()
}

/// Where Debian keeps the programs of PostgreSQL's servers, the newest first.
fn postgres_folders() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, folder)| folder).collect()
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Programs answer to one of two spellings; the first answer that holds a version counts.
fn version(tool: &Tool) -> String {
    ["--version", "version"]
        .into_iter()
        .find_map(|flag| {
            let answer = tool.command().arg(flag).stdin(Stdio::null()).output().ok()?;
            let text = [answer.stdout, answer.stderr].concat();
            version_in(&String::from_utf8_lossy(&text))
        })
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The first word that looks like a version: digits, a dot, a digit, with a `v` or a name and `_` in front perhaps.
fn version_in(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace() || c == ',').find_map(|word| {
        let word = word.rsplit_once('_').map_or(word, |(_, version)| version);
        let bare = word.strip_prefix('v').unwrap_or(word);
        let (major, rest) = bare.split_once('.')?;
        let numeric = !major.is_empty() && major.bytes().all(|b| b.is_ascii_digit());
        (numeric && rest.starts_with(|c: char| c.is_ascii_digit())).then(|| bare.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_programs_print_them() {
        for (text, version) in [
            ("skopeo version 1.9.3\n", "1.9.3"),
            ("Docker version 28.2.2, build e6534b4", "28.2.2"),
            ("GitVersion:    v2.6.5\nGitCommit: abc", "2.6.5"),
            ("v0.22.1", "0.22.1"),
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", "15.14"),
            ("OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026", "9.2p1"),
        ] {
            assert_eq!(version_in(text).as_deref(), Some(version));
        }
        assert_eq!(version_in("usage: thing [flags]. 1 of 2"), None);
    }

    #[test]
    fn a_missing_program_is_none() {
        assert_eq!(find("no-such-program"), None);
    }
}
