//! A few files of a repository at a commit, without running a step.
//!
//! The door for web hooks reads workflows with it: `.image-factory/*.yaml` at the pushed commit, and which paths a
//! push changed. Each project has a bare repository in the cache folder; what is there already is not fetched
//! again. The cache may be deleted at any time while nothing reads.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use engine_ports::{ActionError, LogStream, Progress, SecretText, StepLog, StepSettings, ToolRunner};
use steps_kit::{Tools, io_failed};
use tokio_util::sync::CancellationToken;
use vocab::{Digest, ToolNeed};

use crate::git::{Git, Want, check_commit, check_ref};

/// Files of packs in a cached repository, three for each fetch, before it is made anew.
const PACK_FILES: usize = 300;
/// Bytes of packs in a cached repository before it is made anew.
const PACK_BYTES: u64 = 1 << 30;
/// What the names of folders begin with that one read needs.
const SCRATCH: &str = "reading-";

/// The repository to read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Key of the cache, the same for every read of one project: its id.
    pub key: String,
    /// URL of the repository, without credentials.
    pub url: String,
    /// A ref that leads to the commits asked for (`refs/heads/main`), for hosts that give no commit by its id.
    pub git_ref: Option<String>,
    /// A token for https or a private key for ssh.
    pub credentials: Option<SecretText>,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryFile {
    /// Its path from the root of the repository.
    pub path: String,
    /// What it holds.
    pub content: Content,
}

/// What a file of a commit holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// So many bytes that none of them was read.
    TooLarge(u64),
    /// A symbolic link: what it leads to is not in the commit.
    Link,
}

/// The files that matched in a folder of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// All of them, by path.
    Read(Vec<RepositoryFile>),
    /// So many that none of them was read.
    TooMany {
        /// How many there are.
        found: usize,
        /// How many may be.
        most: usize,
    },
}

/// Bounds of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Files in the folder that match.
    pub files: usize,
    /// Bytes of one file.
    pub file_bytes: usize,
    /// Changed paths that are listed; more count as a change of everything.
    pub changes: usize,
    /// Time for one command of Git.
    pub timeout: Duration,
}

impl Default for Bounds {
    /// 100 files of 1 MiB, 20,000 changed paths, 5 minutes.
    fn default() -> Self {
        Self { files: 100, file_bytes: 1 << 20, changes: 20_000, timeout: Duration::from_mins(5) }
    }
}

/// Reads repositories. One read of a project at a time; different projects do not wait for each other.
pub struct RepositoryReader {
    tools: Arc<dyn ToolRunner>,
    settings: StepSettings,
    cache: PathBuf,
    bounds: Bounds,
    needs: [ToolNeed; 1],
    busy: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

impl RepositoryReader {
    /// A reader with its repositories in `cache`, a folder of its own that it makes when it is not there.
    ///
    /// What reads of an earlier start left there is removed: it may hold keys.
    pub fn new(tools: Arc<dyn ToolRunner>, settings: StepSettings, cache: PathBuf, bounds: Bounds) -> Self {
        for entry in std::fs::read_dir(&cache).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(SCRATCH.as_bytes()) {
                // What cannot be removed now is tried again at the next start.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let needs = [ToolNeed { program: "git".to_owned(), package: "git".to_owned() }];
        Self { tools, settings, cache, bounds, needs, busy: Mutex::default() }
    }

    /// The commit that a branch, tag or full ref names now.
    pub async fn resolve(
        &self,
        source: &Source,
        git_ref: &str,
        cancel: &CancellationToken,
    ) -> Result<String, ActionError> {
        check_ref(git_ref)?;
        let scratch = self.scratch()?;
        self.open(source, scratch.path(), cancel).await?.resolve(git_ref).await
    }

    /// The files directly in `folder` (no deeper) whose names end in one of `suffixes`, at a commit, by path.
    ///
    /// A folder that is not there holds no files. Links are not followed: what they lead to is not in the commit. A file
    /// that is too large keeps the others from nothing: it comes with its size alone. Of too many files none is read.
    pub async fn read_files(
        &self,
        source: &Source,
        commit: &str,
        folder: &str,
        suffixes: &[&str],
        cancel: &CancellationToken,
    ) -> Result<Files, ActionError> {
        let commit = check_commit(commit)?;
        let lock = self.lock_of(&source.key);
        let _alone = lock.lock().await;
        let scratch = self.scratch()?;
        let git = self.open(source, scratch.path(), cancel).await?;
        let repo = self.prepare(&git, source, &commit).await?;
        git.fetch(&repo, &want(source, &commit)).await?;
        let below = format!("{}/", folder.trim_matches('/'));
        // Twice the longest path for each file that could be there, whatever its name.
        let listing =
            git.read(&repo, &["ls-tree", "-z", "-l", "--full-tree", &commit, "--", &below], 8 << 20).await?;
        let matching: Vec<_> = listed(&listing, suffixes).collect();
        if matching.len() > self.bounds.files {
            return Ok(Files::TooMany { found: matching.len(), most: self.bounds.files });
        }
        let mut files = Vec::new();
        for (path, kind, id, size) in matching {
            let content = if kind == Kind::Link {
                Content::Link
            } else if size > self.bounds.file_bytes as u64 {
                Content::TooLarge(size)
            } else {
                Content::Bytes(git.read(&repo, &["cat-file", "blob", &id], self.bounds.file_bytes).await?)
            };
            files.push(RepositoryFile { path, content });
        }
        Ok(Files::Read(files))
    }

    /// The paths that differ between two commits. `None` when that cannot be told (the older commit is gone, or
    /// there was none, or too much changed): then everything counts as changed.
    pub async fn changed_paths(
        &self,
        source: &Source,
        before: &str,
        after: &str,
        cancel: &CancellationToken,
    ) -> Result<Option<Vec<String>>, ActionError> {
        let (before, after) = (check_commit(before)?, check_commit(after)?);
        if before.bytes().all(|digit| digit == b'0') || before.len() != after.len() {
            return Ok(None);
        }
        let lock = self.lock_of(&source.key);
        let _alone = lock.lock().await;
        let scratch = self.scratch()?;
        let git = self.open(source, scratch.path(), cancel).await?;
        let repo = self.prepare(&git, source, &after).await?;
        git.fetch(&repo, &want(source, &after)).await?;
        if git.fetch(&repo, &want(source, &before)).await.is_err() {
            return Ok(None);
        }
        let args = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", &before, &after];
        let Ok(listing) = git.read(&repo, &args, self.bounds.changes * 256).await else {
            return Ok(None);
        };
        let paths: Vec<_> = listing
            .split(|byte| *byte == 0)
            .filter(|path| !path.is_empty())
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect();
        Ok((paths.len() <= self.bounds.changes).then_some(paths))
    }

    async fn open<'a>(
        &'a self,
        source: &Source,
        scratch: &Path,
        cancel: &'a CancellationToken,
    ) -> Result<Git<'a>, ActionError> {
        let tools = Tools {
            asked_by: "reading a repository",
            needs: &self.needs,
            runner: &*self.tools,
            log: &Unheard,
            cancel,
        };
        let git = Git::open(tools, &self.settings, scratch, &source.url, source.credentials.as_ref()).await?;
        Ok(git.within(self.bounds.timeout))
    }

    /// The project's bare repository, made when it is not there or is another format's.
    async fn prepare(&self, git: &Git<'_>, source: &Source, commit: &str) -> Result<PathBuf, ActionError> {
        let name = Digest::of(format!("{}\n{}\n{}", source.key, source.url, commit.len()));
        let repo = self.cache.join(format!("{}.git", name.hex()));
        let packs = std::fs::read_dir(repo.join("objects/pack")).into_iter().flatten().flatten();
        let sizes: Vec<u64> = packs.map(|pack| pack.metadata().map_or(0, |facts| facts.len())).collect();
        let full = sizes.len() > PACK_FILES || sizes.iter().sum::<u64>() > PACK_BYTES;
        if full || !repo.join("info/attributes").is_file() {
            // Half of one may be left from a crash; and nothing is ever pruned, so a full one starts again.
            let _ = std::fs::remove_dir_all(&repo);
            git.init(&repo, commit).await?;
        }
        // Only this lock's holder writes here: a lock file is left from a crash.
        for left in ["shallow.lock", "packed-refs.lock", "config.lock"] {
            let _ = std::fs::remove_file(repo.join(left));
        }
        Ok(repo)
    }

    fn scratch(&self) -> Result<tempfile::TempDir, ActionError> {
        std::fs::create_dir_all(&self.cache).map_err(io_failed("create", &self.cache))?;
        tempfile::Builder::new()
            .prefix(SCRATCH)
            .tempdir_in(&self.cache)
            .map_err(io_failed("create a folder in", &self.cache))
    }

    fn lock_of(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut busy = self.busy.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        busy.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = busy.get(key).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        busy.insert(key.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

fn want(source: &Source, commit: &str) -> Want {
    let hint = source.git_ref.clone().filter(|name| check_ref(name).is_ok());
    Want { commit: commit.to_owned(), hint }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Link,
}

/// Files and links of `git ls-tree -z -l`: path, kind, id and size.
fn listed<'a>(
    listing: &'a [u8],
    suffixes: &'a [&str],
) -> impl Iterator<Item = (String, Kind, String, u64)> + 'a {
    listing.split(|byte| *byte == 0).filter_map(|row| {
        let row = std::str::from_utf8(row).ok()?;
        let (facts, path) = row.split_once('\t')?;
        let mut facts = facts.split_ascii_whitespace();
        let (mode, _, id, size) = (facts.next()?, facts.next()?, facts.next()?, facts.next()?);
        let kind = match mode {
            "120000" => Kind::Link,
            mode if mode.starts_with("100") => Kind::File,
            _ => return None,
        };
        let matches = suffixes.iter().any(|suffix| path.ends_with(suffix));
        matches.then(|| Some((path.to_owned(), kind, id.to_owned(), size.parse().ok()?)))?
    })
}

/// Nobody follows a read; its errors carry what Git said.
struct Unheard;

impl StepLog for Unheard {
    fn line(&self, _stream: LogStream, _text: &str) {}

    fn progress(&self, _progress: Progress) {}

    fn mask(&self, _secret: &str) {}
}
