//! The signals that a server and a local run obey.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::ServeError;

/// What SIGHUP means to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// Read again what can be read again.
    Reload,
    /// The terminal is gone: end.
    End,
}

/// SIGTERM, SIGINT and SIGHUP, received from now on: none of them ends the process at once any more.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` where whoever started the process, such as `nohup`, had it ignore the signal.
    hangup: Option<Signal>,
    meaning: Hangup,
}

impl Signals {
    /// Starts to receive.
    pub(crate) fn listen(meaning: Hangup) -> Result<Self, ServeError> {
        let ignored = meaning == Hangup::End && is_hangup_ignored();
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(ServeError::Signals)?,
            interrupt: signal(SignalKind::interrupt()).map_err(ServeError::Signals)?,
            hangup: if ignored { None } else { Some(hangup()?) },
            meaning,
        })
    }

    /// The name of the next one that asks for the end.
    pub(crate) async fn stop(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                () = next(self.hangup.as_mut()) => match self.meaning {
                    Hangup::End => return "SIGHUP",
                    // The certificate has a receiver of its own.
                    Hangup::Reload => tracing::info!(
                        "SIGHUP: certificate and key are looked at; other settings hold until the next start"
                    ),
                },
            }
        }
    }
}

/// SIGHUP, received from now on.
pub(super) fn hangup() -> Result<Signal, ServeError> {
    signal(SignalKind::hangup()).map_err(ServeError::Signals)
}

/// The next of a signal; where none is received, it never comes.
async fn next(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether this process was started with SIGHUP ignored.
fn is_hangup_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, 1))
}

/// Whether a process of this `/proc/PID/status` ignores a signal.
fn ignores(status: &str, number: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let status = |mask: &str| format!("Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t{mask}\n");
        assert!(ignores(&status("0000000000000001"), 1));
        assert!(!ignores(&status("0000000000001000"), 1));
        assert!(ignores(&status("0000000000001000"), 13));
        assert!(!ignores("", 1));
    }
}
