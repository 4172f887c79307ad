//! Repositories whose configuration somebody else wrote: a local run reads them and runs nothing that they name.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::harness::{Repository, program};

const FETCH: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: fetch
on:
  manual:
steps:
  source:
    uses: git/fetch@v1
";

/// A repository that names a program wherever Git may run one, and has a changed file; what the program leaves behind
/// is `folder/ran`.
fn armed(folder: &Path, test: &str) -> Option<Repository> {
    let git = test_parts::tool("git", test)?;
    let repository = Repository::new(git, folder.join("repo"));
    let files = [("w.yaml", FETCH), ("a.txt", "one"), (".gitattributes", "*.txt filter=armed\n")];
    repository.commit(&files);
    let trap = folder.join("trap");
    std::fs::write(&trap, format!("#!/bin/sh\ntouch '{}'\n", folder.join("ran").display())).unwrap();
    std::fs::set_permissions(&trap, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(repository.folder.join("a.txt"), "two").unwrap();
    for key in ["core.fsmonitor", "filter.armed.clean", "filter.armed.process"] {
        repository.git(&["config", key, trap.to_str().unwrap()]);
    }
    Some(repository)
}

fn run(folder: &Path) -> (Option<i32>, String) {
    let output = program(folder).args(["run", "repo/w.yaml", "--data-dir", "d"]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_local_run_executes_nothing_that_the_configuration_of_its_repository_names_by_git() {
    let test = "a_local_run_executes_nothing_that_the_configuration_of_its_repository_names_by_git";
    let folder = tempfile::tempdir().unwrap();
    let Some(repository) = armed(folder.path(), test) else { return };
    let (code, said) = run(folder.path());
    assert_eq!(code, Some(0), "{said}");
    assert!(!folder.path().join("ran").exists(), "a program of the repository ran: {said}");
    let source = format!("of {}; changes that are not committed", repository.folder.display());
    assert!(said.contains(&source), "{said}");
}

#[test]
fn a_repository_of_another_user_is_no_source_by_git() {
    if !nix::unistd::geteuid().is_root() {
        // Only root can give a folder away.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(repository) = armed(folder.path(), "a_repository_of_another_user_is_no_source_by_git") else {
        return;
    };
    let other = Some(nix::unistd::Uid::from_raw(12345));
    for part in ["", ".git", ".git/config", ".git/HEAD"] {
        nix::unistd::chown(&repository.folder.join(part), other, None).unwrap();
    }
    let (code, said) = run(folder.path());
    assert_eq!(code, Some(1), "{said}");
    assert!(!folder.path().join("ran").exists(), "a program of the repository ran: {said}");
    assert!(
        said.contains("belongs to user 12345") && said.contains("run the command as its owner"),
        "{said}"
    );
}
