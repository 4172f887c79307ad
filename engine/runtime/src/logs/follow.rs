//! Reads a log: while it grows, when it is complete, and from the archive.

use std::io;
use std::path::PathBuf;

use futures::Stream;
use futures::stream;
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::watch;

use super::archive::LogArchive;
use super::folder::LogName;
use super::format::LogEntry;
use super::pack::Unpacked;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// A line with the place behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The line.
    pub entry: LogEntry,
    /// Byte offset of the next line: where to go on.
    pub next: u64,
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is none: the attempt wrote nothing yet, or its log was pruned.
    #[error("there is no log of {0}")]
    Missing(String),
    /// The disk failed, or what keeps the archive.
    #[error("the log of {name} cannot be read: {reason}")]
    Io {
        /// Which log.
        name: String,
        /// What it said.
        reason: io::Error,
    },
}

struct Reader {
    path: PathBuf,
    name: LogName,
    live: Option<watch::Receiver<u64>>,
    archive: Option<LogArchive>,
    source: Option<Source>,
    /// Bytes read and not handed out yet, beginning at `next`.
    buffer: Vec<u8>,
    /// How much of the buffer was handed out.
    taken: usize,
    next: u64,
    /// What comes first is the end of a line that began before.
    inside: bool,
}

/// Where the bytes come from. A file that is archived meanwhile is read to its end all the same.
enum Source {
    File(File),
    Archive(Box<Unpacked>),
}

pub(super) fn follow(
    path: PathBuf,
    name: LogName,
    live: Option<watch::Receiver<u64>>,
    archive: Option<LogArchive>,
    offset: u64,
) -> impl Stream<Item = Result<LogLine, LogError>> + Send {
    // One byte earlier: where a line begins, that is the end of the one before.
    let (next, inside) = (offset.saturating_sub(1), offset > 0);
    let reader =
        Reader { path, name, live, archive, source: None, buffer: Vec::new(), taken: 0, next, inside };
    stream::try_unfold(reader, |mut reader| async move {
        let next = reader.line().await.map_err(|error| reader.explain(error))?;
        Ok(next.map(|line| (line, reader)))
    })
}

impl Reader {
    async fn line(&mut self) -> io::Result<Option<LogLine>> {
        loop {
            let rest = &self.buffer[self.taken..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let entry = LogEntry::from_line(&rest[..end]);
                self.taken += end + 1;
                self.next += end as u64 + 1;
                if std::mem::take(&mut self.inside) {
                    continue;
                }
                // What is no line of ours, as a crash may leave it, is passed over.
                match entry {
                    Some(entry) => return Ok(Some(LogLine { entry, next: self.next })),
                    None => continue,
                }
            }
            // Asked before reading: what is written before the end is then surely read.
            let open = self.live.as_mut().is_some_and(|live| {
                live.borrow_and_update();
                live.has_changed().is_ok()
            });
            if self.fill().await? {
                continue;
            }
            match &mut self.live {
                Some(live) if open => {
                    // An error means that the log was closed: read what it wrote last, then end.
                    let _ = live.changed().await;
                }
                _ => return Ok(None),
            }
        }
    }

    /// Reads on; whether there was something.
    async fn fill(&mut self) -> io::Result<bool> {
        if self.source.is_none() {
            self.source = self.open().await?;
        }
        let Some(source) = &mut self.source else { return Ok(false) };
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let before = self.buffer.len();
        match source {
            Source::File(file) => {
                self.buffer.resize(before + CHUNK, 0);
                let count = file.read(&mut self.buffer[before..]).await?;
                self.buffer.truncate(before + count);
            }
            Source::Archive(unpacked) => self.buffer.extend(unpacked.next().await?),
        }
        Ok(self.buffer.len() > before)
    }

    /// The file, else the archive: a file goes only after the archive has it. `None` when the log is open and has no
    /// line yet.
    async fn open(&mut self) -> io::Result<Option<Source>> {
        let missing = match File::open(&self.path).await {
            Ok(mut file) => {
                file.seek(io::SeekFrom::Start(self.next)).await?;
                return Ok(Some(Source::File(file)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => error,
            Err(error) => return Err(error),
        };
        if let Some(archive) = &self.archive
            && let Some(unpacked) = archive.open(&self.name, self.next).await?
        {
            return Ok(Some(Source::Archive(Box::new(unpacked))));
        }
        if self.live.is_some() { Ok(None) } else { Err(missing) }
    }

    fn explain(&self, reason: io::Error) -> LogError {
        let name = self.name.to_string();
        match reason.kind() {
            io::ErrorKind::NotFound => LogError::Missing(name),
            _ => LogError::Io { name, reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine_ports::{LogStream, Progress, StepLog as _};
    use futures::{StreamExt as _, TryStreamExt as _};
    use vocab::{Limits, ManualClock, RunId, SeededIds};

    use super::super::{AttemptLog, Logs};
    use super::*;

    fn logs(limits: &Limits) -> (tempfile::TempDir, Logs, LogName) {
        let home = tempfile::tempdir().unwrap();
        let logs = Logs::open(home.path(), limits, Arc::new(ManualClock::default())).unwrap();
        let run = RunId::generate(&SeededIds::default());
        let name = LogName::Attempt { run, path: "build[2]/inner".parse().unwrap(), attempt: 1 };
        (home, logs, name)
    }

    fn say(log: &AttemptLog, text: &str) {
        log.line(LogStream::Stdout, text);
    }

    async fn texts(logs: &Logs, name: &LogName) -> Vec<String> {
        let lines: Vec<_> = logs.follow(name.clone(), 0).try_collect().await.unwrap();
        lines.into_iter().map(|line| line.entry.text).collect()
    }

    #[tokio::test]
    async fn a_follower_sees_lines_as_they_come_and_ends_with_the_log() {
        let (_home, logs, name) = logs(&Limits::default());
        let log = logs.write(name.clone());
        say(&log, "one");
        let mut follower = std::pin::pin!(logs.follow(name.clone(), 0));
        let first = follower.next().await.unwrap().unwrap();
        assert_eq!(first.entry.text, "one");
        let late = tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            say(&log, "two");
            drop(log);
        });
        assert_eq!(follower.next().await.unwrap().unwrap().entry.text, "two");
        assert!(follower.next().await.is_none());
        late.await.unwrap();
        let resumed: Vec<_> = logs.follow(name.clone(), first.next).try_collect().await.unwrap();
        assert_eq!(resumed.len(), 1);
        assert_eq!(resumed[0].entry.text, "two");
    }

    #[tokio::test]
    async fn an_offset_inside_a_line_begins_with_the_next_one() {
        let (_home, logs, name) = logs(&Limits::default());
        let log = logs.write(name.clone());
        say(&log, "one");
        say(&log, "two");
        drop(log);
        let from = async |offset| -> Vec<String> {
            let lines: Vec<_> = logs.follow(name.clone(), offset).try_collect().await.unwrap();
            lines.into_iter().map(|line| line.entry.text).collect()
        };
        let second = logs.read(name.clone(), 0, 1).await.unwrap()[0].next;
        assert_eq!(from(0).await, ["one", "two"]);
        for offset in 1..=second {
            assert_eq!(from(offset).await, ["two"], "{offset}");
        }
        assert_eq!(from(second + 1).await, Vec::<String>::new());
        assert_eq!(from(1000).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_log_is_bounded_by_line_and_by_file_and_says_so() {
        let (_home, logs, name) = logs(&Limits { log_line_bytes: 10, log_bytes: 100, ..Limits::default() });
        let log = logs.write(name.clone());
        for _ in 0..50 {
            say(&log, "123456789012345");
        }
        drop(log);
        let lines = texts(&logs, &name).await;
        assert_eq!(lines[0], "1234567890 … [line cut]");
        assert_eq!(lines.last().unwrap(), "the log is full (100 bytes); what follows is dropped");
        assert!(lines.len() < 6, "{lines:?}");
    }

    #[tokio::test]
    async fn secrets_never_reach_the_file() {
        let (home, logs, name) = logs(&Limits::default());
        let log = logs.write(name.clone());
        log.mask("hunter2");
        say(&log, "password \u{1b}[1mhun\u{1b}[0mter2");
        log.progress(Progress { message: "with hunter2".into(), done: 0, total: None, unit: "files" });
        assert_eq!(log.masked("a\nhunter2"), "a\n***");
        let LogName::Attempt { run, .. } = &name else { unreachable!() };
        assert_eq!(logs.progress().of(*run)[0].1.message, "with ***");
        drop(log);
        assert_eq!(texts(&logs, &name).await, ["password ***"]);
        assert!(logs.progress().of(*run).is_empty());
        let found =
            walkdir::WalkDir::new(home.path()).into_iter().flatten().filter(|e| e.file_type().is_file());
        for file in found {
            assert!(!std::fs::read_to_string(file.path()).unwrap().contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn a_missing_log_is_an_error_and_attempts_are_listed() {
        let (_home, logs, name) = logs(&Limits::default());
        let LogName::Attempt { run, path, .. } = name.clone() else { unreachable!() };
        assert!(matches!(logs.follow(name, 0).try_collect::<Vec<_>>().await, Err(LogError::Missing(_))));
        assert!(logs.attempts(run, &path).await.unwrap().is_empty());
        for attempt in [2, 1] {
            say(&logs.write(LogName::Attempt { run, path: path.clone(), attempt }), "x");
        }
        say(&logs.write(LogName::Undo { run, path: path.clone(), effect: "../evil".into() }), "x");
        assert_eq!(logs.attempts(run, &path).await.unwrap(), [1, 2]);
        logs.remove(run).unwrap();
        assert!(logs.attempts(run, &path).await.unwrap().is_empty());
    }
}
