//! `git/fetch@v1` from repositories on this machine.

use engine_ports::RunSource;
use steps_kit::harness::check_contract;
use steps_kit::outputs;
use vocab::{ErrorClass, Inputs};

use crate::fixture::{Repository, action, fetch, files};

fn own(repository: &Repository, commit: String) -> RunSource {
    RunSource {
        project: "golden".parse().unwrap(),
        url: repository.url(),
        commit,
        git_ref: Some("refs/heads/main".to_owned()),
        credentials: None,
    }
}

#[tokio::test]
async fn the_action_keeps_its_contract_git() {
    let Some(repository) = Repository::new("the_action_keeps_its_contract_git") else { return };
    let setup = async || (repository.harness(), outputs([("url", repository.url().into())]));
    check_contract(&*action(), setup).await;
}

#[tokio::test]
async fn a_tree_is_exactly_what_was_committed_git() {
    let Some(repository) = Repository::new("a_tree_is_exactly_what_was_committed_git") else { return };
    let harness = repository.harness();
    let fetched = fetch(&harness, outputs([("url", repository.url().into())])).await.unwrap();
    let files = files(&harness, &fetched);
    assert_eq!(fetched["commit"].as_str(), Some(repository.head().as_str()));
    assert_eq!(fetched["committed_at"], 1_714_979_289.into());
    assert_eq!(files["images/link"], "-> /etc/passwd");
    assert_eq!(files["run.sh"], "*#!/bin/sh\n");
    assert_eq!(files["images/debian/odd \"name\"\n\t\u{e9}"], "odd\n");
    assert_eq!(files["secret.txt"], "kept\n", "export-ignore leaves nothing out");
    assert_eq!(files["version.id"], "$Format:%H$ $Id$\n", "nothing is filled in");
    assert!(!files.keys().any(|path| path.starts_with(".git/")));
}

#[tokio::test]
async fn the_same_files_give_the_same_tree_whatever_the_commit_git() {
    let Some(repository) = Repository::new("the_same_files_give_the_same_tree_whatever_the_commit_git")
    else {
        return;
    };
    let mut harness = repository.harness();
    let first = repository.head();
    repository.write("README.md", "changed\n");
    let second = repository.commit("second");
    let mut trees = Vec::new();
    for commit in [first, second] {
        harness.source = Some(own(&repository, commit.clone()));
        let whole = fetch(&harness, Inputs::new()).await.unwrap();
        assert_eq!(whole["commit"].as_str(), Some(commit.as_str()));
        let part = fetch(&harness, outputs([("path", "images/debian".into())])).await.unwrap();
        assert_eq!(files(&harness, &part)["Containerfile"], "FROM scratch\n");
        trees.push((whole["tree"].clone(), part["tree"].clone()));
    }
    assert_ne!(trees[0].0, trees[1].0);
    assert_eq!(trees[0].1, trees[1].1);
}

#[tokio::test]
async fn a_fingerprint_is_the_commit_that_a_ref_names_now_git() {
    let Some(repository) = Repository::new("a_fingerprint_is_the_commit_that_a_ref_names_now_git") else {
        return;
    };
    let harness = repository.harness();
    repository.git(&["-c", "user.name=t", "-c", "user.email=t@t", "tag", "-a", "v1", "-m", "one"]);
    let action = action();
    for name in ["main", "v1", "refs/heads/main", "HEAD"] {
        let inputs =
            outputs([("url", repository.url().into()), ("ref", name.into()), ("timestamp", 0.into())]);
        let fingerprint = action.fingerprint(&harness.context(&*action), &inputs).await.unwrap();
        assert_eq!(fingerprint, engine_ports::Fingerprint::Of(repository.head()), "{name}");
        assert_eq!(
            fetch(&harness, inputs).await.unwrap()["commit"].as_str(),
            Some(repository.head().as_str())
        );
    }
}

#[tokio::test]
async fn an_older_commit_is_fetched_although_no_ref_names_it_git() {
    let Some(repository) = Repository::new("an_older_commit_is_fetched_although_no_ref_names_it_git") else {
        return;
    };
    let older = repository.head();
    repository.write("README.md", "newer\n");
    repository.commit("newer");
    let harness = repository.harness();
    let inputs = outputs([("url", repository.url().into()), ("commit", older.as_str().into())]);
    let fetched = fetch(&harness, inputs).await.unwrap();
    assert_eq!(files(&harness, &fetched)["README.md"], "hello\n");
}

#[tokio::test]
async fn what_is_not_there_is_named_and_permanent_git() {
    let Some(repository) = Repository::new("what_is_not_there_is_named_and_permanent_git") else { return };
    let harness = repository.harness();
    let with = |name: &str, value: &str| outputs([("url", repository.url().into()), (name, value.into())]);
    for (inputs, words) in [
        (with("ref", "gone"), "gone"),
        (with("commit", &"a".repeat(40)), "aaaa"),
        (with("path", "no/such"), "no/such"),
        (with("path", "README.md"), "README.md"),
        (outputs([("url", "file:///etc".into())]), "git_roots"),
        (outputs([("url", format!("{}/../../etc", repository.url()).into())]), "git_roots"),
    ] {
        let error = fetch(&harness, inputs).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permanent, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn hostile_refs_run_nothing_git() {
    let Some(repository) = Repository::new("hostile_refs_run_nothing_git") else { return };
    let harness = repository.harness();
    let mark = repository.root().join("mark");
    let touch = format!("touch {}", mark.display());
    for (name, value) in [
        ("ref", format!("--upload-pack={touch}")),
        ("commit", format!("--upload-pack={touch}")),
        ("path", format!("--output={}", mark.display())),
        ("url", format!("--upload-pack={touch}")),
        ("url", format!("ext::sh -c '{touch}'")),
        ("url", format!("ssh://-oProxyCommand={touch}/x")),
    ] {
        let mut inputs = outputs([("url", repository.url().into())]);
        inputs.insert(name.to_owned(), value.into());
        assert!(fetch(&harness, inputs).await.is_err());
        assert!(!mark.exists(), "{name}");
    }
}

#[tokio::test]
async fn hooks_and_filters_of_a_repository_do_not_run_git() {
    let Some(repository) = Repository::new("hooks_and_filters_of_a_repository_do_not_run_git") else {
        return;
    };
    let mark = repository.root().join("mark");
    let hook = format!("#!/bin/sh\ntouch {}\n", mark.display());
    for name in ["post-checkout", "pre-upload-pack", "reference-transaction", "post-update"] {
        let path = repository.path().join(".git/hooks").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &hook).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    repository.git(&["config", "filter.evil.smudge", &format!("touch {}", mark.display())]);
    repository.git(&["config", "uploadpack.packObjectsHook", &format!("touch {}", mark.display())]);
    repository.write(".gitattributes", "* filter=evil diff=evil\n");
    repository.git(&["add", "--all"]);
    let _ = std::fs::remove_file(&mark);
    let commit = repository.commit("evil");
    let _ = std::fs::remove_file(&mark);
    let harness = repository.harness();
    let fetched = fetch(&harness, outputs([("url", repository.url().into())])).await.unwrap();
    assert_eq!(fetched["commit"].as_str(), Some(commit.as_str()));
    assert!(!mark.exists());
}
