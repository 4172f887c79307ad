//! The log of an attempt. Secrets are masked where it is written.

use serde::{Deserialize, Serialize};
use vocab::{Digest, RunId, StepPath, TenantName};

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    /// A tool's standard output.
    Stdout,
    /// A tool's standard error.
    Stderr,
    /// The factory itself.
    Factory,
}

/// How far an attempt has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done, in a few words.
    pub message: String,
    /// How much is done, in `unit`.
    pub done: u64,
    /// How much there is, where that is known.
    pub total: Option<u64>,
    /// `bytes`, `files`, `steps`.
    pub unit: &'static str,
}

/// Where the log of an attempt lies that has ended: compressed, in the content store, held by the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// The run.
    pub run: RunId,
    /// The step instance.
    pub path: StepPath,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Whose it is.
    pub tenant: TenantName,
    /// Digest of what is stored.
    pub digest: Digest,
    /// Size of what is stored.
    pub stored_bytes: u64,
    /// Size of the log itself, which offsets count in.
    pub bytes: u64,
}

/// Takes what an attempt has to say. Never fails an attempt: past its bounds, lines are dropped and a marker says so.
pub trait StepLog: Send + Sync {
    /// Writes one line, without its line end. Masked and cut here.
    fn line(&self, stream: LogStream, text: &str);

    /// Says how far the attempt has come. For people; not kept.
    fn progress(&self, progress: Progress);

    /// From now on `secret` is masked in every line, also in its usual encodings.
    fn mask(&self, secret: &str);

    /// `text` with every secret masked that the log knows: for messages that leave the attempt. A log that never
    /// learns a secret returns it as it is.
    fn masked(&self, text: &str) -> String {
        text.to_owned()
    }
}
