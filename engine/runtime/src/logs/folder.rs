//! Where logs lie, and which of them are being written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures::Stream;
use tokio::sync::watch;
use vocab::{Clock, Digest, Limits, RunId, StepPath};

use super::archive::LogArchive;
use super::attempt::{AttemptLog, Bounds};
use super::follow::{self, LogError, LogLine};
use super::progress::ProgressBoard;

/// Longest name of a folder that is still a step path; beyond it, its digest.
const NAME_BYTES: usize = 200;

/// Which log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogName {
    /// Of an attempt.
    Attempt {
        /// The run.
        run: RunId,
        /// The step instance.
        path: StepPath,
        /// The attempt, from 1.
        attempt: u32,
    },
    /// Of probing and undoing an effect: all tries in one file.
    Undo {
        /// The run.
        run: RunId,
        /// The step instance that made the effect.
        path: StepPath,
        /// The effect's name.
        effect: String,
    },
}

impl LogName {
    /// The run that it is about.
    pub const fn run(&self) -> RunId {
        match self {
            Self::Attempt { run, .. } | Self::Undo { run, .. } => *run,
        }
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt { run, path, attempt } => write!(f, "{run}/{path}/{attempt}"),
            Self::Undo { run, path, effect } => write!(f, "{run}/{path}/undo/{effect}"),
        }
    }
}

/// A step path as the name of a folder: `build[2]/inner` is `build.2~inner`.
pub(super) fn folder_name(path: &StepPath) -> String {
    let name = path.to_string().replace('/', "~").replace('[', ".").replace(']', "");
    if name.len() <= NAME_BYTES { name } else { format!("+{}", Digest::of(name).hex()) }
}

/// Logs that are being written, with the length that is in the file.
#[derive(Debug, Default)]
pub(super) struct Open(pub(super) Mutex<BTreeMap<LogName, watch::Receiver<u64>>>);

impl Open {
    fn get(&self, name: &LogName) -> Option<watch::Receiver<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(super) fn has(&self, name: &LogName) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    pub(super) fn close(&self, name: &LogName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// The folder `logs/` of a data folder, and the archive behind it.
#[derive(Clone)]
pub struct Logs {
    pub(super) home: PathBuf,
    bounds: Bounds,
    clock: Arc<dyn Clock>,
    board: Arc<ProgressBoard>,
    pub(super) open: Arc<Open>,
    pub(super) archive: Option<LogArchive>,
}

impl Logs {
    /// Opens it; makes it when it is not there.
    pub fn open(home: impl Into<PathBuf>, limits: &Limits, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let home = home.into();
        fs::create_dir_all(&home)?;
        let line_bytes = usize::try_from(limits.log_line_bytes).unwrap_or(usize::MAX / 2).min(usize::MAX / 2);
        let bounds = Bounds { line_bytes, file_bytes: limits.log_bytes };
        Ok(Self { home, bounds, clock, board: Arc::default(), open: Arc::default(), archive: None })
    }

    /// With the archive to which logs go when they are complete. Without one they stay files.
    #[must_use]
    pub fn archived_in(self, archive: LogArchive) -> Self {
        Self { archive: Some(archive), ..self }
    }

    /// How far the attempts have come that write here.
    pub fn progress(&self) -> &ProgressBoard {
        &self.board
    }

    /// Begins, or goes on with, a log. Nobody else may be writing it.
    pub fn write(&self, name: LogName) -> AttemptLog {
        let path = self.file(&name);
        // One that cannot be looked at cannot be written either: that shows with its first line.
        let length = fs::metadata(&path).map_or(0, |found| found.len());
        let (sender, receiver) = watch::channel(length);
        self.open.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), receiver);
        let (clock, board, open) = (Arc::clone(&self.clock), Arc::clone(&self.board), Arc::clone(&self.open));
        AttemptLog::new(name, path, sender, self.bounds, clock, board, open)
    }

    /// Reads a log from a byte offset on (0, or [`LogLine::next`] of an earlier line), and goes on reading while it
    /// is being written. Ends with the log. Dropping the stream ends it too. An attempt that said nothing has no log:
    /// then the stream is one [`LogError::Missing`].
    pub fn follow(
        &self,
        name: LogName,
        offset: u64,
    ) -> impl Stream<Item = Result<LogLine, LogError>> + Send + use<> {
        let live = self.open.get(&name);
        follow::follow(self.file(&name), name, live, self.archive.clone(), offset)
    }

    /// Reads what is there of a log now, at most `lines` lines from `offset` on.
    pub async fn read(&self, name: LogName, offset: u64, lines: usize) -> Result<Vec<LogLine>, LogError> {
        use futures::{StreamExt as _, TryStreamExt as _};

        let stream = follow::follow(self.file(&name), name, None, self.archive.clone(), offset);
        stream.take(lines).try_collect().await
    }

    /// Attempts of a step instance that have a log, in order.
    pub async fn attempts(&self, run: RunId, path: &StepPath) -> Result<Vec<u32>, LogError> {
        let failed = |reason| LogError::Io { name: format!("{run}/{path}"), reason };
        // Files first: one that goes meanwhile is in the archive by then.
        let mut found: BTreeSet<u32> = self.files(run, path).map_err(failed)?.into_iter().collect();
        if let Some(archive) = &self.archive {
            let records =
                archive.records(run, path).await.map_err(|error| failed(io::Error::other(error)))?;
            found.extend(records.iter().map(|record| record.attempt));
        }
        Ok(found.into_iter().collect())
    }

    /// Attempts of a step instance whose log is a file.
    pub(super) fn files(&self, run: RunId, path: &StepPath) -> io::Result<Vec<u32>> {
        let folder = self.run_folder(run).join(folder_name(path));
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            found.extend(name.to_str().and_then(|name| name.strip_suffix(".log")?.parse::<u32>().ok()));
        }
        Ok(found)
    }

    /// Removes all files of a run. What is archived goes with the run's holds.
    pub fn remove(&self, run: RunId) -> io::Result<()> {
        match fs::remove_dir_all(self.run_folder(run)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn run_folder(&self, run: RunId) -> PathBuf {
        self.home.join(run.to_string())
    }

    /// The file of a log, for people who want to open it. It goes once the log is archived.
    pub fn file(&self, name: &LogName) -> PathBuf {
        match name {
            LogName::Attempt { run, path, attempt } => {
                self.run_folder(*run).join(folder_name(path)).join(format!("{attempt}.log"))
            }
            LogName::Undo { run, path, effect } => {
                // The name comes from a manifest; a file name is made of it only when it is plain.
                let letter =
                    |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
                let plain =
                    effect.bytes().all(letter) && !effect.starts_with('.') && effect.len() <= NAME_BYTES;
                let effect = if plain { effect.clone() } else { format!("+{}", Digest::of(effect).hex()) };
                self.run_folder(*run)
                    .join(folder_name(path))
                    .join(Path::new("undo"))
                    .join(format!("{effect}.log"))
            }
        }
    }
}
