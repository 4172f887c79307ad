//! The parent's side: starts a shim per tool, and says how the tool ended.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use engine_ports::{LogStream, StepLog, ToolCommand, ToolError, ToolExit, ToolRunner};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use vocab::Limits;

use super::frame::{self, Bytes, Order, Report, Rlimits, Spec};
use super::record::{self, MARK_VARIABLE};
use super::session::{Session, Stop, left_alive};

/// What a line may exceed the log's bound by before it is cut unseen: longer than any secret.
const MASK_ROOM: u64 = 64 * 1024;

/// How to start a shim.
#[derive(Debug, Clone)]
pub struct ShimConfig {
    /// The factory's own binary.
    pub program: PathBuf,
    /// Its arguments that make it a shim: `exec-shim`.
    pub args: Vec<OsString>,
    /// Where tools are looked up; also the tools' own `PATH`.
    pub path: OsString,
    /// The folder `shims/` of the data folder.
    pub folder: PathBuf,
}

/// Runs tools under the shim.
#[derive(Debug)]
pub struct ShimRunner {
    config: ShimConfig,
    mark: String,
    /// Tells apart the shims of this start; the records of an earlier start are swept before the first tool.
    count: AtomicU64,
    rlimits: Rlimits,
    grace: Duration,
    line_bound: usize,
}

impl ShimRunner {
    /// A runner over a data folder. Makes the state folder and its mark when they are not there.
    pub fn open(config: ShimConfig, limits: &Limits) -> io::Result<Self> {
        let mark = record::mark(&config.folder)?;
        let line_bound =
            usize::try_from(limits.log_line_bytes.saturating_add(MASK_ROOM)).unwrap_or(usize::MAX);
        Ok(Self {
            config,
            mark,
            count: AtomicU64::new(0),
            rlimits: Rlimits {
                files: limits.tool_files,
                file_bytes: limits.tool_file_bytes,
                processes: limits.tool_processes,
                memory_bytes: limits.tool_memory_bytes,
            },
            grace: Duration::from_secs(limits.grace_seconds),
            line_bound,
        })
    }

    fn environment(&self, command: &ToolCommand, mark: &str, temporary: &Path) -> Vec<(String, Bytes)> {
        let mut env: BTreeMap<String, Bytes> =
            command.env.iter().map(|(name, value)| (name.clone(), Bytes::of(value))).collect();
        env.entry("PATH".to_owned()).or_insert_with(|| Bytes::of(&self.config.path));
        env.entry("HOME".to_owned()).or_insert_with(|| Bytes::of(&command.dir));
        env.entry("LANG".to_owned()).or_insert_with(|| Bytes::of("C.UTF-8"));
        env.entry("TMPDIR".to_owned()).or_insert_with(|| Bytes::of(temporary));
        env.insert(MARK_VARIABLE.to_owned(), Bytes::of(mark));
        env.into_iter().collect()
    }

    #[expect(clippy::disallowed_methods, reason = "this is where shims begin")]
    fn start(&self, mark: &str) -> io::Result<(Child, UnixStream)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let child = Command::new(&self.config.program)
            .args(&self.config.args)
            .env_clear()
            .env(MARK_VARIABLE, mark)
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok((child, UnixStream::from_std(ours)?))
    }
}

#[async_trait]
impl ToolRunner for ShimRunner {
    async fn run(
        &self,
        command: ToolCommand,
        log: &dyn StepLog,
        cancel: &CancellationToken,
    ) -> Result<ToolExit, ToolError> {
        let name = command.program.clone();
        let failed = |reason: String| ToolError::Failed { program: name.clone(), reason };
        if cancel.is_cancelled() {
            return Err(ToolError::Cancelled(name));
        }
        let program = self.find(&command.program).ok_or_else(|| ToolError::NotFound(name.clone()))?;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let shim = format!("{}-{number}", std::process::id());
        let mark = format!("{}:{shim}", self.mark);
        let record = self.config.folder.join(format!("{shim}.json"));
        let temporary = command.dir.join(format!(".tmp-{number}"));
        tokio::fs::create_dir(&temporary)
            .await
            .map_err(|error| failed(format!("{}: {error}", temporary.display())))?;
        let spec = Spec {
            program: Bytes::of(&program),
            args: command.args.iter().map(Bytes::of).collect(),
            env: self.environment(&command, &mark, &temporary),
            dir: Bytes::of(&command.dir),
            stdin: command.stdin.clone().map(Bytes),
            rlimits: self.rlimits,
            grace_millis: u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX),
            record: Bytes::of(&record),
        };
        let order = frame::encode(&Order::Run(Box::new(spec))).map_err(|error| failed(error.to_string()))?;
        let (child, control) =
            self.start(&mark).map_err(|error| failed(format!("the shim did not start: {error}")))?;
        let session = Session { command: &command, child, control, line_bound: self.line_bound };
        let (report, stop, stdout, stderr_tail) =
            session.run(order, log, cancel, &mark, &record).await.map_err(failed)?;
        let cleared = crate::work::remove(temporary).await;
        if let Some(reason) = left_alive(&report) {
            // However the tool was ended: what lives on is told.
            tracing::error!(program = %name, "{reason}");
            log.line(LogStream::Factory, &reason);
        }
        match stop {
            Some(Stop::Cancelled) => return Err(ToolError::Cancelled(name)),
            Some(Stop::TimedOut) => {
                let seconds = command.timeout.unwrap_or_default().as_secs();
                return Err(ToolError::TimedOut { program: name, seconds });
            }
            Some(Stop::TooMuchOutput(limit)) => {
                return Err(ToolError::TooMuchOutput { program: name, limit });
            }
            None => {}
        }
        match report {
            Report::Refused { missing: true, .. } if !program.exists() => Err(ToolError::NotFound(name)),
            Report::Refused { reason, .. } | Report::Trouble { reason } => Err(failed(reason)),
            ended if let Some(reason) = left_alive(&ended) => Err(failed(reason)),
            Report::Ended { code, signal, usage, .. } => {
                cleared.map_err(|error| failed(error.to_string()))?;
                tracing::debug!(program = %name, ?code, ?signal, ?usage, "tool ended");
                Ok(ToolExit { code, signal, stdout, stderr_tail: log.masked(&stderr_tail) })
            }
        }
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        let is_program = |path: &Path| {
            path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        };
        if program.contains('/') {
            let path = PathBuf::from(program);
            return (path.is_absolute() && is_program(&path)).then_some(path);
        }
        if program.is_empty() {
            return None;
        }
        std::env::split_paths(OsStr::new(&self.config.path))
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(program))
            .find(|path| is_program(path))
    }
}
