//! Programs that steps run: always under the shim, with a cleared environment and bounds.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::StepLog;

/// What becomes of a tool's standard output. Standard error always goes to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// To the log, line by line.
    Log,
    /// Returned, up to so many bytes; more is an error.
    Bytes(usize),
}

/// A program to run.
#[derive(Debug, Clone)]
pub struct ToolCommand {
    /// The program's name, looked up on the worker's `PATH`, or an absolute path.
    pub program: String,
    /// Its arguments. Never a secret: everybody on the host can read them.
    pub args: Vec<OsString>,
    /// Its whole environment besides `PATH`, `HOME`, `LANG` and `TMPDIR`, which the runner sets.
    pub env: BTreeMap<String, OsString>,
    /// Its working folder; also `HOME` and the parent of `TMPDIR`.
    pub dir: PathBuf,
    /// What it reads from standard input.
    pub stdin: Option<Vec<u8>>,
    /// What becomes of its standard output.
    pub stdout: Capture,
    /// How long it may take; the attempt's own time holds besides.
    pub timeout: Option<Duration>,
}

impl ToolCommand {
    /// `program` in `dir`, with output to the log.
    pub fn new(program: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            dir: dir.into(),
            stdin: None,
            stdout: Capture::Log,
            timeout: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Returns standard output instead of logging it.
    #[must_use]
    pub const fn capture(mut self, limit: usize) -> Self {
        self.stdout = Capture::Bytes(limit);
        self
    }
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolExit {
    /// Its exit code, when it exited.
    pub code: Option<i32>,
    /// The signal that ended it, otherwise.
    pub signal: Option<i32>,
    /// Its standard output, where it was captured.
    pub stdout: Vec<u8>,
    /// The last lines of standard error, for messages (masked).
    pub stderr_tail: String,
}

impl ToolExit {
    /// Whether it exited with code 0.
    pub const fn success(&self) -> bool {
        matches!(self.code, Some(0))
    }
}

/// Why a program did not run to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// It is not on the worker.
    #[error("the program `{0}` is not on this worker")]
    NotFound(String),
    /// The attempt was cancelled, or its time ran out; the program and all it started are gone.
    #[error("`{0}` was stopped")]
    Cancelled(String),
    /// Its own time ran out; it and all it started are gone.
    #[error("`{program}` did not end within {seconds} s")]
    TimedOut {
        /// The program.
        program: String,
        /// Its time.
        seconds: u64,
    },
    /// It wrote more than may be captured.
    #[error("`{program}` wrote more than {limit} bytes")]
    TooMuchOutput {
        /// The program.
        program: String,
        /// The bound.
        limit: usize,
    },
    /// It could not be started or watched.
    #[error("`{program}` could not be run: {reason}")]
    Failed {
        /// The program.
        program: String,
        /// Why.
        reason: String,
    },
}

/// Runs programs. When `run` returns, nothing that the program started is alive any more.
#[async_trait]
pub trait ToolRunner: Send + Sync {
    /// Runs a program to its end, or stops it when `cancel` fires.
    async fn run(
        &self,
        command: ToolCommand,
        log: &dyn StepLog,
        cancel: &CancellationToken,
    ) -> Result<ToolExit, ToolError>;

    /// Where a program lies on this worker.
    fn find(&self, program: &str) -> Option<PathBuf>;
}
