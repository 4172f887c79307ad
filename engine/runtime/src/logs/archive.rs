//! Logs of attempts that have ended go to the content store.
//!
//! First the content is stored and held by the run, then the row that names it becomes durable, and only then the
//! file goes. A crash in between leaves the file, and the next look at what was left goes on. A reader that finds no
//! file finds the row: there is no moment without both.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use engine_ports::{ArtifactError, ArtifactStore, HoldOwner, LogRecord, RunStore, StoreError};
use tokio::task::spawn_blocking;
use vocab::{ArtifactKind, ArtifactRef, RunId, StepPath, TenantName};

use super::folder::{LogName, Logs, folder_name};
use super::pack::{Unpacked, packed};

/// Where logs go when they are complete.
#[derive(Clone)]
pub struct LogArchive {
    /// Says where each of them lies.
    pub store: Arc<dyn RunStore>,
    /// Keeps them.
    pub artifacts: Arc<dyn ArtifactStore>,
}

/// Why a log was not archived. Its file is still there.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file cannot be read, or not be removed.
    #[error("the file cannot be moved: {0}")]
    Io(#[from] io::Error),
    /// The content store.
    #[error(transparent)]
    Content(#[from] ArtifactError),
    /// The store of runs.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LogArchive {
    /// The records of a step instance's attempts.
    pub(super) async fn records(&self, run: RunId, path: &StepPath) -> Result<Vec<LogRecord>, StoreError> {
        self.store.logs(run, path).await
    }

    /// The text of an archived log from `offset` on; `None` when it was not archived.
    pub(super) async fn open(&self, name: &LogName, offset: u64) -> io::Result<Option<Unpacked>> {
        let LogName::Attempt { run, path, attempt } = name else { return Ok(None) };
        let records = self.records(*run, path).await.map_err(io::Error::other)?;
        let Some(record) = records.into_iter().find(|record| record.attempt == *attempt) else {
            return Ok(None);
        };
        let artifact =
            ArtifactRef { kind: ArtifactKind::Report, digest: record.digest, size: record.stored_bytes };
        let stream = self.artifacts.open(&artifact).await.map_err(io::Error::other)?;
        Ok(Some(Unpacked::new(stream, offset)))
    }

    /// Stores a complete file and writes down where it is. Whether there is such a file.
    async fn take_in(
        &self,
        tenant: &TenantName,
        (run, path, attempt): (RunId, &StepPath, u32),
        file: &Path,
    ) -> Result<bool, ArchiveError> {
        let file = match tokio::fs::File::open(file).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?.into_std().await,
        };
        // Recorded already: a crash came before the file was removed.
        if self.records(run, path).await?.iter().any(|record| record.attempt == attempt) {
            return Ok(true);
        }
        let bytes = file.metadata()?.len();
        let stored = self
            .artifacts
            .put_stream(&HoldOwner::Run(run), ArtifactKind::Report, packed(file, bytes))
            .await?;
        let record = LogRecord {
            run,
            path: path.clone(),
            attempt,
            tenant: tenant.clone(),
            digest: stored.digest,
            stored_bytes: stored.size,
            bytes,
        };
        self.store.keep_log(record).await?;
        Ok(true)
    }
}

impl Logs {
    /// Moves the log of an attempt into the archive, unless somebody writes it or it is there already.
    ///
    /// A closed log is complete: an attempt never goes on after its end, and the next one has another number.
    pub async fn archive(
        &self,
        tenant: &TenantName,
        run: RunId,
        path: &StepPath,
        attempt: u32,
    ) -> Result<(), ArchiveError> {
        let name = LogName::Attempt { run, path: path.clone(), attempt };
        let Some(archive) = self.archive.as_ref().filter(|_| !self.open.has(&name)) else { return Ok(()) };
        let file = self.file(&name);
        if archive.take_in(tenant, (run, path, attempt), &file).await? {
            let logs = self.clone();
            spawn_blocking(move || {
                remove_file(&file)?;
                logs.tidy(run);
                Ok::<_, io::Error>(())
            })
            .await
            .map_err(io::Error::other)??;
        }
        Ok(())
    }

    /// Archives what an earlier process, or a failure, left as files, and removes what is left of runs that are gone.
    /// One log that cannot be moved does not keep the others; the last reason is told.
    pub async fn archive_left(&self) -> Result<(), ArchiveError> {
        let Some(archive) = &self.archive else { return Ok(()) };
        let home = self.clone();
        let runs = spawn_blocking(move || home.runs()).await.map_err(io::Error::other)??;
        let mut last = Ok(());
        for run in runs {
            // A run is stored before its first attempt says anything, so that a new one is never taken for one that
            // is gone.
            let Some(row) = archive.store.run_any_tenant(run).await? else {
                self.remove(run)?;
                continue;
            };
            let folders = self.folders(run)?;
            for step in archive.store.steps(run).await? {
                if !folders.contains(&folder_name(&step.path)) {
                    continue;
                }
                for attempt in self.files(run, &step.path)? {
                    if let Err(error) = self.archive(&row.tenant, run, &step.path, attempt).await {
                        last = Err(error);
                    }
                }
            }
        }
        last
    }

    /// Runs that have files.
    fn runs(&self) -> io::Result<Vec<RunId>> {
        let names = names_in(&self.home)?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    fn folders(&self, run: RunId) -> io::Result<BTreeSet<String>> {
        names_in(&self.run_folder(run))
    }

    /// Removes the folders of a run in which nothing lies any more.
    fn tidy(&self, run: RunId) {
        // Whoever is about to write has told so before it makes its folder.
        let open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.keys().any(|name| name.run() == run) {
            return;
        }
        let home = self.run_folder(run);
        for folder in names_in(&home).unwrap_or_default() {
            // A folder with something in it stays.
            let _ = fs::remove_dir(home.join(folder));
        }
        let _ = fs::remove_dir(home);
    }
}

fn remove_file(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What lies in a folder; nothing when it is not there.
fn names_in(folder: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        other => other?,
    };
    entries.filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose()).collect()
}
