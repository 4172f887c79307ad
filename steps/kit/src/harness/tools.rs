//! Real programs, without the shim.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use engine_ports::{Capture, LogStream, StepLog, ToolCommand, ToolError, ToolExit, ToolRunner};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio_util::sync::CancellationToken;

/// Where programs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How much of standard error is kept for messages, in bytes.
const TAIL: usize = 4096;

/// Runs programs directly: cleared environment, own process group, killed as a group when cancelled.
pub struct DirectTools;

#[async_trait]
impl ToolRunner for DirectTools {
    async fn run(
        &self,
        command: ToolCommand,
        log: &dyn StepLog,
        cancel: &CancellationToken,
    ) -> Result<ToolExit, ToolError> {
        let program = command.program.clone();
        let found = self.find(&program).ok_or_else(|| ToolError::NotFound(program.clone()))?;
        let failed = |reason: &dyn std::fmt::Display| ToolError::Failed {
            program: program.clone(),
            reason: reason.to_string(),
        };
        let temporary = tempfile::Builder::new().prefix(".tmp-").tempdir_in(&command.dir);
        let temporary = temporary.map_err(|error| failed(&error))?;
        let mut child = start(found, &command, temporary.path()).map_err(|error| failed(&error))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let (Some(mut stdin), Some(bytes)) = (stdin, &command.stdin) {
                // A program may end without reading all of it.
                let _ = stdin.write_all(bytes).await;
            }
        };
        let work = async {
            let outputs = async {
                tokio::join!(
                    take_stdout(stdout.expect("it is piped"), command.stdout, log),
                    take_stderr(stderr.expect("it is piped"), log),
                    feed,
                )
            };
            let (out, tail, ()) = outputs.await;
            (child.wait().await, out, tail)
        };
        let time = command.timeout.unwrap_or(Duration::from_secs(600));
        let ended = tokio::select! {
            () = cancel.cancelled() => Err(ToolError::Cancelled(program.clone())),
            () = tokio::time::sleep(time) => {
                Err(ToolError::TimedOut { program: program.clone(), seconds: time.as_secs() })
            }
            done = work => Ok(done),
        };
        if let Some(group) = group {
            // Nothing that the program started outlives it.
            let _ = killpg(group, Signal::SIGKILL);
        }
        let (status, stdout, stderr_tail) = ended?;
        let status = status.map_err(|error| failed(&error))?;
        let stdout = stdout.ok_or_else(|| match command.stdout {
            Capture::Bytes(limit) => ToolError::TooMuchOutput { program: program.clone(), limit },
            Capture::Log => failed(&"its output broke"),
        })?;
        Ok(ToolExit { code: status.code(), signal: status.signal(), stdout, stderr_tail })
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        if program.starts_with('/') {
            return Some(program.into()).filter(|path: &PathBuf| path.is_file());
        }
        PATH.split(':').map(|folder| PathBuf::from(folder).join(program)).find(|path| path.is_file())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shim belongs to the runtime; tests of actions run without it"
)]
fn start(found: PathBuf, command: &ToolCommand, temporary: &Path) -> std::io::Result<tokio::process::Child> {
    tokio::process::Command::new(found)
        .args(&command.args)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", &command.dir)
        .env("LANG", "C.UTF-8")
        .env("TMPDIR", temporary)
        .envs(&command.env)
        .current_dir(&command.dir)
        .stdin(if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Standard output, or `None` when there is more than may be captured.
async fn take_stdout(stdout: impl AsyncRead + Unpin, capture: Capture, log: &dyn StepLog) -> Option<Vec<u8>> {
    match capture {
        Capture::Log => {
            let mut lines = BufReader::new(stdout).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                log.line(LogStream::Stdout, &String::from_utf8_lossy(&line));
            }
            Some(Vec::new())
        }
        Capture::Bytes(limit) => {
            let mut bytes = Vec::new();
            stdout.take(limit as u64 + 1).read_to_end(&mut bytes).await.ok()?;
            (bytes.len() <= limit).then_some(bytes)
        }
    }
}

async fn take_stderr(stderr: impl AsyncRead + Unpin, log: &dyn StepLog) -> String {
    let mut tail = String::new();
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        log.line(LogStream::Stderr, &line);
        tail.push_str(&line);
        tail.push('\n');
        if tail.len() > 2 * TAIL {
            let cut = (tail.len() - TAIL..tail.len()).find(|at| tail.is_char_boundary(*at)).unwrap_or(0);
            tail.drain(..cut);
        }
    }
    tail
}
