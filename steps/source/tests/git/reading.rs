//! Reading a few files at a commit, and what a push changed.

use std::sync::Arc;

use engine_ports::StepSettings;
use steps_kit::harness::DirectTools;
use steps_source::reading::{Bounds, Content, Files, RepositoryFile, RepositoryReader, Source};
use tokio_util::sync::CancellationToken;

use crate::fixture::Repository;

fn reader(repository: &Repository, bounds: Bounds) -> RepositoryReader {
    let settings = StepSettings { git_roots: vec![repository.root().to_owned()], ..StepSettings::default() };
    RepositoryReader::new(Arc::new(DirectTools), settings, repository.root().join("cache"), bounds)
}

fn source(repository: &Repository) -> Source {
    Source {
        key: "project".to_owned(),
        url: repository.url(),
        git_ref: Some("refs/heads/main".to_owned()),
        credentials: None,
    }
}

fn all(files: Files) -> Vec<RepositoryFile> {
    let Files::Read(files) = files else { panic!("{files:?}") };
    files
}

#[tokio::test]
async fn workflows_are_read_at_their_commit_and_links_are_not_git() {
    let Some(repository) = Repository::new("workflows_are_read_at_their_commit_and_links_are_not_git") else {
        return;
    };
    let first = repository.head();
    repository.write(".image-factory/build.yaml", "kind: Other\n");
    let second = repository.commit("second");
    let reader = reader(&repository, Bounds::default());
    let (source, cancel) = (source(&repository), CancellationToken::new());
    for (commit, wanted) in
        [(&first, "kind: Workflow\n"), (&second, "kind: Other\n"), (&first, "kind: Workflow\n")]
    {
        let read = reader.read_files(&source, commit, ".image-factory", &[".yaml", ".yml"], &cancel);
        let files = all(read.await.unwrap());
        let names: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        let link = ".image-factory/link.yaml";
        assert_eq!(names, [".image-factory/build.yaml", link, ".image-factory/test.yml"]);
        assert_eq!(files[1].content, Content::Link);
        assert_eq!(files[0].content, Content::Bytes(wanted.into()));
    }
    let none = reader.read_files(&source, &first, "no-such-folder", &[".yaml"], &cancel).await.unwrap();
    assert_eq!(all(none), []);
    assert_eq!(reader.resolve(&source, "main", &cancel).await.unwrap(), second);
}

#[tokio::test]
async fn changed_paths_are_told_or_everything_counts_git() {
    let Some(repository) = Repository::new("changed_paths_are_told_or_everything_counts_git") else { return };
    let first = repository.head();
    repository.write("images/new", "x");
    repository.git(&["rm", "--quiet", "run.sh"]);
    let second = repository.commit("second");
    let reader = reader(&repository, Bounds::default());
    let (source, cancel) = (source(&repository), CancellationToken::new());
    let changed = reader.changed_paths(&source, &first, &second, &cancel).await.unwrap();
    assert_eq!(changed, Some(vec!["images/new".to_owned(), "run.sh".to_owned()]));
    assert_eq!(reader.changed_paths(&source, &first, &first, &cancel).await.unwrap(), Some(vec![]));
    for unknown in ["0", "d"] {
        let changed = reader.changed_paths(&source, &unknown.repeat(40), &second, &cancel).await.unwrap();
        assert_eq!(changed, None);
    }
    let narrow = self::reader(&repository, Bounds { changes: 1, ..Bounds::default() });
    assert_eq!(narrow.changed_paths(&source, &first, &second, &cancel).await.unwrap(), None);
}

#[tokio::test]
async fn too_many_files_are_refused_git() {
    let Some(repository) = Repository::new("too_many_files_are_refused_git") else { return };
    let (source, cancel) = (source(&repository), CancellationToken::new());
    let reader = reader(&repository, Bounds { files: 1, ..Bounds::default() });
    let commit = repository.head();
    let read = reader.read_files(&source, &commit, ".image-factory", &[".yaml", ".yml"], &cancel);
    assert_eq!(read.await.unwrap(), Files::TooMany { found: 3, most: 1 });
}

#[tokio::test]
async fn a_file_that_is_too_large_comes_with_its_size_alone_git() {
    let Some(repository) = Repository::new("a_file_that_is_too_large_comes_with_its_size_alone_git") else {
        return;
    };
    repository.write(".image-factory/test.yml", &"x".repeat(101));
    let commit = repository.commit("large");
    let (source, cancel) = (source(&repository), CancellationToken::new());
    let reader = reader(&repository, Bounds { file_bytes: 100, ..Bounds::default() });
    let read = reader.read_files(&source, &commit, ".image-factory", &[".yaml", ".yml"], &cancel);
    let files: Vec<_> = all(read.await.unwrap()).into_iter().map(|file| file.content).collect();
    assert_eq!(files, [Content::Bytes(b"kind: Workflow\n".into()), Content::Link, Content::TooLarge(101)]);
}

#[tokio::test]
async fn a_cache_that_a_crash_left_half_made_is_made_again_git() {
    let Some(repository) = Repository::new("a_cache_that_a_crash_left_half_made_is_made_again_git") else {
        return;
    };
    let (source, cancel) = (source(&repository), CancellationToken::new());
    let reader = reader(&repository, Bounds::default());
    let read = || reader.read_files(&source, "HEAD", ".image-factory", &[".yaml"], &cancel);
    assert!(read().await.is_err(), "only full commits are read");
    let commit = repository.head();
    let read = || reader.read_files(&source, &commit, ".image-factory", &[".yaml"], &cancel);
    read().await.unwrap();
    let cache = repository.root().join("cache");
    let bare = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(bare.join("info/attributes")).unwrap();
    std::fs::remove_file(bare.join("HEAD")).unwrap();
    assert_eq!(all(read().await.unwrap()).len(), 2);
    std::fs::write(bare.join("shallow.lock"), "").unwrap();
    repository.write("more", "x");
    let next = repository.commit("next");
    let read = reader.read_files(&source, &next, ".image-factory", &[".yaml"], &cancel);
    assert_eq!(all(read.await.unwrap()).len(), 2);
}

#[tokio::test]
async fn what_a_killed_read_left_goes_at_the_next_start_git() {
    let Some(repository) = Repository::new("what_a_killed_read_left_goes_at_the_next_start_git") else {
        return;
    };
    let cache = repository.root().join("cache");
    std::fs::create_dir_all(cache.join("reading-abc")).unwrap();
    std::fs::write(cache.join("reading-abc/key"), "a private key").unwrap();
    std::fs::create_dir_all(cache.join("kept.git")).unwrap();
    let _reader = reader(&repository, Bounds::default());
    assert!(!cache.join("reading-abc").exists() && cache.join("kept.git").exists());
}
