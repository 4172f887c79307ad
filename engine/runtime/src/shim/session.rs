//! One shim from its order to its end: carries the output, waits for the report, and asks it to stop.

use std::io;
use std::path::Path;
use std::time::Duration;

use engine_ports::{Capture, LogStream, StepLog, ToolCommand};
use tokio::io::{AsyncRead, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio_util::sync::CancellationToken;

use super::frame::{self, Order, Report};
use super::{pump, sweep};

/// Bytes of standard error that a message may quote.
const TAIL_BYTES: usize = 4 * 1024;
/// Time that the rest of the output, and the shim's own end, may take once the shim has reported.
const PIPE_GRACE: Duration = Duration::from_secs(5);

/// Why a tool is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Cancelled,
    TimedOut,
    TooMuchOutput(usize),
}

/// Names what a tool left that does not die.
pub(super) fn left_alive(report: &Report) -> Option<String> {
    match report {
        Report::Ended { survivors, .. } if !survivors.is_empty() => Some(format!(
            "it left processes that do not die: {survivors:?}; end them, or restart the machine"
        )),
        _ => None,
    }
}

/// A running shim.
pub(super) struct Session<'a> {
    pub(super) command: &'a ToolCommand,
    pub(super) child: Child,
    pub(super) control: UnixStream,
    pub(super) line_bound: usize,
}

impl Session<'_> {
    /// Runs the tool to its end: the report, why it was stopped, captured bytes, the tail of standard error.
    pub(super) async fn run(
        mut self,
        order: Vec<u8>,
        log: &dyn StepLog,
        cancel: &CancellationToken,
        mark: &str,
        record: &Path,
    ) -> Result<(Report, Option<Stop>, Vec<u8>, String), String> {
        let (Some(out), Some(err)) = (self.child.stdout.take(), self.child.stderr.take()) else {
            return Err("the shim's pipes are missing".to_owned());
        };
        let too_much = CancellationToken::new();
        let (capture, bound) = (self.command.stdout, self.line_bound);
        let stdout = async {
            match capture {
                Capture::Log => pump::to_log(out, LogStream::Stdout, log, bound, 0).await.map(|_| Vec::new()),
                Capture::Bytes(limit) => match pump::to_bytes(out, limit).await {
                    Ok(Some(bytes)) => Ok(bytes),
                    Ok(None) => {
                        too_much.cancel();
                        Ok(Vec::new())
                    }
                    Err(error) => Err(error),
                },
            }
        };
        let stderr = pump::to_log(err, LogStream::Stderr, log, bound, TAIL_BYTES);
        let control = supervise(&mut self.control, order, self.command, cancel, &too_much, mark, record);
        let pumps = async { tokio::join!(stdout, stderr) };
        tokio::pin!(control, pumps);
        let mut output = None;
        let (report, stop) = tokio::select! {
            outcome = &mut control => outcome,
            ended = &mut pumps => {
                output = Some(ended);
                control.await
            }
        };
        // The end of all that the shim watched closes the pipes. What does not die, or got a pipe from elsewhere,
        // keeps them open for as long as it likes: it is not waited for.
        if output.is_none() {
            output = tokio::time::timeout(PIPE_GRACE, pumps).await.ok();
        }
        let status = tokio::time::timeout(PIPE_GRACE, self.child.wait()).await;
        let report = report?;
        let seconds = PIPE_GRACE.as_secs();
        match output {
            None if stop.is_some() || left_alive(&report).is_some() => {
                Ok((report, stop, Vec::new(), String::new()))
            }
            None => Err(format!(
                "its output did not end {seconds} s after it did: a process that it does not own holds it"
            )),
            Some((stdout, stderr)) => {
                let stdout = stdout.map_err(|error| format!("its output broke off: {error}"))?;
                let tail = stderr.map_err(|error| format!("its output broke off: {error}"))?.into_text();
                status
                    .map_err(|_| format!("the shim has not ended {seconds} s after its report"))?
                    .map_err(|error| format!("the shim cannot be waited for: {error}"))?;
                Ok((report, stop, stdout, tail))
            }
        }
    }
}

/// Reads reports up to the last one; none where the shim ends without it.
async fn last_report(reports: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Report>> {
    loop {
        match frame::read_async(reports).await? {
            Some(Report::Trouble { reason }) => {
                tracing::warn!(%reason, "a shim has trouble; its tool goes on");
            }
            report => return Ok(report),
        }
    }
}

/// Gives the order, waits for the report, and asks the shim to stop when it is time.
async fn supervise(
    control: &mut UnixStream,
    order: Vec<u8>,
    command: &ToolCommand,
    cancel: &CancellationToken,
    too_much: &CancellationToken,
    mark: &str,
    record: &Path,
) -> (Result<Report, String>, Option<Stop>) {
    let (mut reports, mut orders) = control.split();
    let mut stop = None;
    let limit = match command.stdout {
        Capture::Bytes(limit) => limit,
        Capture::Log => 0,
    };
    let outcome = async {
        orders.write_all(&order).await?;
        let report = last_report(&mut reports);
        tokio::pin!(report);
        let timeout = async {
            match command.timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        stop = tokio::select! {
            biased;
            report = &mut report => return report,
            () = cancel.cancelled() => Some(Stop::Cancelled),
            () = too_much.cancelled() => Some(Stop::TooMuchOutput(limit)),
            () = timeout => Some(Stop::TimedOut),
        };
        // A shim that has just ended does not listen any more; its report is what counts.
        if let Ok(order) = frame::encode(&Order::Stop) {
            let _ = orders.write_all(&order).await;
        }
        report.await
    };
    let outcome = outcome.await;
    let reason = match outcome {
        Ok(Some(report)) => return (Ok(report), stop),
        Ok(None) => "the shim vanished".to_owned(),
        Err(error) => format!("the shim broke off: {error}"),
    };
    // The shim was killed. What it left carries its mark or stands in its record.
    let (mark, record) = (mark.to_owned(), record.to_owned());
    let swept = tokio::task::spawn_blocking(move || sweep::sweep_one(&mark, &record)).await;
    let swept = match swept {
        Ok(Ok(killed)) => format!("{reason}; {killed} processes of it were killed"),
        Ok(Err(error)) => format!("{reason}; {error}"),
        Err(error) => format!("{reason}; {error}"),
    };
    (Err(swept), stop)
}
