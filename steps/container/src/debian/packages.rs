//! What is installed in a root file system, as dpkg wrote it down.

use std::io::Read;

use serde_json::{Value as Json, json};

/// A package that is installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
    /// The source package it was built from.
    pub(crate) source: String,
}

/// Where dpkg keeps its list, relative to the root.
const STATUS: &str = "var/lib/dpkg/status";
/// No list of packages is larger than this; in bytes.
const STATUS_BYTES: u64 = 64 * 1024 * 1024;

/// Finds dpkg's list in a tar of a root file system. Blocks.
pub(crate) fn status(tar: impl Read) -> std::io::Result<Option<String>> {
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries()? {
        let entry = entry?;
        let path = entry.path_bytes();
        if path.strip_prefix(b"./").unwrap_or(&path) == STATUS.as_bytes() {
            let mut text = String::new();
            entry.take(STATUS_BYTES).read_to_string(&mut text)?;
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// The installed packages of a status file, by name.
pub(crate) fn installed(status: &str) -> Vec<Package> {
    let mut packages: Vec<Package> = status.split("\n\n").filter_map(package).collect();
    packages.sort();
    packages
}

fn package(paragraph: &str) -> Option<Package> {
    let field = |key: &str| {
        paragraph
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
            .map(|text| text.trim().to_owned())
    };
    if !field("Status")?.ends_with(" installed") {
        return None;
    }
    let name = field("Package")?;
    // `Source: name (version)` where it differs from the package's own.
    let source = field("Source").and_then(|text| text.split_whitespace().next().map(str::to_owned));
    Some(Package {
        version: field("Version")?,
        architecture: field("Architecture")?,
        source: source.unwrap_or_else(|| name.clone()),
        name,
    })
}

/// The report: one object a package.
pub(crate) fn report(suite: &str, packages: &[Package]) -> Json {
    let list: Vec<_> = packages
        .iter()
        .map(|package| {
            json!({
                "name": package.name, "version": package.version,
                "architecture": package.architecture, "source": package.source,
            })
        })
        .collect();
    json!({ "distribution": "debian", "suite": suite, "packages": list })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_installed_packages_are_listed_by_name() {
        let status = "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib (1:1)\nVersion: 1:2\n\
                      Description: x\n more\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
                      Package: apt\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.6.1\n";
        let names: Vec<_> = installed(status).into_iter().map(|p| (p.name, p.source, p.version)).collect();
        let own = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(names, [own("apt", "apt", "2.6.1"), own("zlib1g", "zlib", "1:2")]);
    }
}
