//! The log of one attempt while it is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use engine_ports::{LogStream, Progress, StepLog};
use tokio::sync::watch;
use vocab::Clock;

use super::clean::clean;
use super::folder::{LogName, Open};
use super::format::LogEntry;
use super::mask::Mask;
use super::progress::ProgressBoard;

/// Writes lines to the attempt's file, masked and bounded. It is closed when it is dropped.
///
/// The file is made with the first line: an attempt that says nothing leaves nothing.
pub struct AttemptLog {
    name: LogName,
    clock: Arc<dyn Clock>,
    board: Arc<ProgressBoard>,
    open: Arc<Open>,
    length: watch::Sender<u64>,
    line_bytes: usize,
    file_bytes: u64,
    sink: Mutex<Sink>,
}

struct Sink {
    path: PathBuf,
    file: Option<File>,
    mask: Mask,
    /// Nothing more is written: the log is full, or the disk refused.
    closed: bool,
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = if let Some(file) = &mut self.file {
            file
        } else {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            self.file.insert(OpenOptions::new().create(true).append(true).open(&self.path)?)
        };
        file.write_all(bytes)
    }
}

/// What bounds a log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) line_bytes: usize,
    pub(super) file_bytes: u64,
}

impl AttemptLog {
    pub(super) fn new(
        name: LogName,
        path: PathBuf,
        length: watch::Sender<u64>,
        bounds: Bounds,
        clock: Arc<dyn Clock>,
        board: Arc<ProgressBoard>,
        open: Arc<Open>,
    ) -> Self {
        let sink = Mutex::new(Sink { path, file: None, mask: Mask::default(), closed: false });
        let Bounds { line_bytes, file_bytes } = bounds;
        Self { name, clock, board, open, length, line_bytes, file_bytes, sink }
    }

    fn write(&self, sink: &mut Sink, stream: LogStream, text: String) {
        let line = LogEntry { at: self.clock.now(), stream, text }.to_line();
        let written = *self.length.borrow();
        match sink.write(line.as_bytes()) {
            Ok(()) => {
                self.length.send_replace(written + line.len() as u64);
            }
            Err(error) => {
                sink.closed = true;
                tracing::warn!(log = %self.name, %error, "a log cannot be written any more");
            }
        }
    }
}

impl StepLog for AttemptLog {
    fn line(&self, stream: LogStream, text: &str) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        if sink.closed {
            return;
        }
        let text = clean(text);
        let (kept, cut) = sink.mask.apply(&text, self.line_bytes);
        let mut kept = kept.into_owned();
        if cut {
            kept.push_str(" … [line cut]");
        }
        if *self.length.borrow() + kept.len() as u64 > self.file_bytes {
            let notice = format!("the log is full ({} bytes); what follows is dropped", self.file_bytes);
            self.write(&mut sink, LogStream::Factory, notice);
            sink.closed = true;
            return;
        }
        self.write(&mut sink, stream, kept);
    }

    fn progress(&self, progress: Progress) {
        if let LogName::Attempt { run, path, .. } = &self.name {
            let message = self.masked(&progress.message);
            self.board.set(*run, path, Progress { message, ..progress });
        }
    }

    fn mask(&self, secret: &str) {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner).mask.add(secret);
    }

    fn masked(&self, text: &str) -> String {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = text.lines().map(|line| sink.mask.apply(line, usize::MAX / 2).0);
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for AttemptLog {
    fn drop(&mut self) {
        if let LogName::Attempt { run, path, .. } = &self.name {
            self.board.clear(*run, path);
        }
        self.open.close(&self.name);
    }
}
