//! Repositories for tests, made with the real Git.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_ports::{Action, ActionError};
use steps_kit::harness::Harness;
use tempfile::TempDir;
use test_parts::Tool;
use vocab::{Inputs, Outputs};

pub(crate) fn action() -> Arc<dyn Action> {
    steps_source::actions().remove(0)
}

/// A repository with a work tree, below a folder of its own.
pub(crate) struct Repository {
    folder: TempDir,
    git: Tool,
}

impl Repository {
    /// One commit of a little of everything. `None` where Git is missing.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let git = test_parts::tool("git", test)?;
        let repository = Self { folder: tempfile::tempdir().unwrap(), git };
        fs::create_dir(repository.path()).unwrap();
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.write("README.md", "hello\r\n");
        repository.write("images/debian/Containerfile", "FROM scratch\n");
        repository.write("images/debian/odd \"name\"\n\t\u{e9}", "odd\n");
        repository.write("run.sh", "#!/bin/sh\n");
        repository.write(".image-factory/build.yaml", "kind: Workflow\n");
        repository.write(".image-factory/test.yml", "kind: Workflow\n");
        repository.write(".image-factory/notes.txt", "no workflow\n");
        repository.write(".image-factory/deeper/inner.yaml", "kind: Workflow\n");
        repository
            .write(".gitattributes", "*.md text eol=lf\nsecret.txt export-ignore\n*.id ident export-subst\n");
        repository.write("secret.txt", "kept\n");
        repository.write("version.id", "$Format:%H$ $Id$\n");
        std::os::unix::fs::symlink("/etc/passwd", repository.path().join("images/link")).unwrap();
        std::os::unix::fs::symlink("build.yaml", repository.path().join(".image-factory/link.yaml")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(repository.path().join("run.sh"), mode).unwrap();
        repository.commit("first");
        Some(repository)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    /// The folder that holds the repository: what a root may be.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let at = self.path().join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
    }

    /// Commits everything, and gives the commit.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["-c", "core.autocrlf=false", "add", "--all", "--renormalize", "."]);
        self.git(&["add", "--all"]);
        self.git(&[
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t",
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            message,
        ]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let out = self
            .git
            .command()
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_COMMITTER_DATE", "2024-05-06T07:08:09Z")
            .args(args)
            .output()
            .unwrap();
        assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// A world that may fetch from here.
    pub(crate) fn harness(&self) -> Harness {
        let mut harness = Harness::new();
        harness.settings.git_roots = vec![self.root().to_owned()];
        harness
    }
}

pub(crate) async fn fetch(harness: &Harness, inputs: Inputs) -> Result<Outputs, ActionError> {
    harness.run(&*action(), inputs).await
}

/// What is in the tree of an output: path to content, links as `-> target`, executables with a `*`.
pub(crate) fn files(harness: &Harness, outputs: &Outputs) -> BTreeMap<String, String> {
    let tree = outputs["tree"].as_artifact().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tree");
    let limits = tree::Limits::from(&vocab::Limits::default());
    tree::unpack(harness.artifacts.bytes(tree).as_slice(), &dir, &limits, false).unwrap();
    let mut found = BTreeMap::new();
    let mut open = vec![dir.clone()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&dir).unwrap().display().to_string();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                open.push(path);
            } else if metadata.is_symlink() {
                found.insert(name, format!("-> {}", fs::read_link(&path).unwrap().display()));
            } else {
                let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
                let star = if mode & 0o111 == 0 { "" } else { "*" };
                found.insert(name, format!("{star}{}", fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}
