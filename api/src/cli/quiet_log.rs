//! A log that nobody reads: for tools that a command asks something.

use engine_ports::{LogStream, Progress, StepLog};

/// Takes lines and forgets them; what counts is the tool's answer.
pub(super) struct QuietLog;

impl StepLog for QuietLog {
    fn line(&self, _stream: LogStream, _text: &str) {}

    fn progress(&self, _progress: Progress) {}

    fn mask(&self, _secret: &str) {}
}
