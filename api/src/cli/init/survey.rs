//! What a repository holds that an image can be made of.

use std::path::{Path, PathBuf};

/// How deep is looked, and at how many entries.
const DEPTH: usize = 4;
const ENTRIES: usize = 20_000;
/// A Packer template is smaller than this.
const TEMPLATE_BYTES: u64 = 256 * 1024;

/// What was found, paths relative to the repository.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// Containerfiles and Dockerfiles, the one nearest to the top first.
    pub(super) containerfiles: Vec<PathBuf>,
    /// Packer templates.
    pub(super) packer: Vec<PathBuf>,
}

/// Looks at a folder. Folders that cannot be read are passed over.
pub(super) fn survey(top: &Path) -> Survey {
    let mut found = Survey::default();
    let mut folders = vec![(top.to_owned(), 0)];
    let mut left = ENTRIES;
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten().take(left) {
            left = left.saturating_sub(1);
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < DEPTH && !is_skipped(&name) {
                folders.push((path, depth + 1));
            } else if kind.is_file() {
                let Ok(relative) = path.strip_prefix(top) else { continue };
                if name == "Containerfile" || name == "Dockerfile" {
                    found.containerfiles.push(relative.to_owned());
                } else if is_packer(&path, &name) {
                    found.packer.push(relative.to_owned());
                }
            }
        }
    }
    // The nearest to the top first; of one folder, `Containerfile` before `Dockerfile`.
    found.containerfiles.sort_by_key(|path| (path.components().count(), path.clone()));
    found.packer.sort();
    found
}

fn is_skipped(name: &str) -> bool {
    name.starts_with('.') || matches!(name, "node_modules" | "target" | "vendor" | "venv")
}

fn is_packer(path: &Path, name: &str) -> bool {
    if name.ends_with(".pkr.hcl") || name.ends_with(".pkr.json") {
        return true;
    }
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let small = path.metadata().is_ok_and(|meta| meta.len() <= TEMPLATE_BYTES);
    json && small
        && std::fs::read(path).is_ok_and(|bytes| {
            serde_json::from_slice::<serde_json::Value>(&bytes).is_ok_and(|json| json["builders"].is_array())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containerfile_nearest_to_the_top_comes_first() {
        let top = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("deep/er/Dockerfile", ""),
            ("app/Containerfile", ""),
            ("app/Dockerfile", ""),
            ("node_modules/x/Dockerfile", ""),
            ("vm/debian.pkr.hcl", ""),
            ("vm/old.json", r#"{"builders": []}"#),
            ("package.json", "{}"),
        ] {
            let path = top.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = survey(top.path());
        let paths =
            |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(
            paths(&found.containerfiles),
            ["app/Containerfile", "app/Dockerfile", "deep/er/Dockerfile"]
        );
        assert_eq!(paths(&found.packer), ["vm/debian.pkr.hcl", "vm/old.json"]);
    }
}
