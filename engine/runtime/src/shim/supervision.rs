//! The shim's watch over its tool: does what the course says, and lets no failure of its own end it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike as _;
use nix::unistd::Pid;
use vocab::Clock as _;

use super::course::{Act, Course};
use super::frame::{self, Report, Usage};
use super::helpers::News;
use super::processes::{self, Identity};
use super::record::ShimRecord;
use crate::SystemClock;

/// A tool that runs, and everything below the shim.
pub(super) struct Supervision<'a> {
    pub(super) control: &'a UnixStream,
    pub(super) path: &'a Path,
    pub(super) record: ShimRecord,
    /// The tool's own process.
    pub(super) main: Pid,
    /// How it ended: its code or its signal.
    pub(super) ended: Option<(Option<i32>, Option<i32>)>,
    /// What failed last, and was told.
    pub(super) trouble: Option<String>,
}

impl Supervision<'_> {
    /// Watches until nothing is left below, or what is left does not die; then reports.
    pub(super) fn run(mut self, inbox: &Receiver<News>, grace: Duration) -> io::Result<()> {
        let clock = SystemClock::new();
        let mut course = Course::new(grace, clock.monotonic());
        loop {
            let pause = course.wake_at().saturating_sub(clock.monotonic());
            let asked = match inbox.recv_timeout(pause) {
                Ok(News::NobodyLeft) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(News::Stop) => course.stop(clock.monotonic()),
                Ok(News::Reaped(pid, code, signal)) if pid == self.main => {
                    self.ended = Some((code, signal));
                    course.ended(clock.monotonic())
                }
                Ok(News::Reaped(..)) | Err(RecvTimeoutError::Timeout) => None,
            };
            let acts = [asked, course.due(clock.monotonic())];
            for act in acts.into_iter().flatten() {
                match act {
                    Act::Note => self.note(),
                    Act::Ask => {
                        if let Err(error) = signal_all(Signal::SIGTERM) {
                            self.tell(&format!("what runs below cannot be found: {error}"));
                            course.refused(clock.monotonic());
                        }
                    }
                    Act::Kill => self.kill(),
                    Act::GiveUp => {
                        let survivors = self.survivors();
                        return self.report(survivors);
                    }
                }
            }
        }
        if let Err(error) = fs::remove_file(self.path) {
            self.tell(&format!("`{}` cannot be removed: {error}", self.path.display()));
        }
        self.report(Vec::new())
    }

    /// Writes down what lives below, when that has changed. What fails is tried again at the next look.
    fn note(&mut self) {
        let noted = below().and_then(|found| {
            if found == self.record.below {
                return Ok(());
            }
            let fresh = ShimRecord { below: found, ..self.record.clone() };
            fresh.write(self.path)?;
            self.record = fresh;
            Ok(())
        });
        match noted {
            Ok(()) => self.trouble = None,
            Err(error) => {
                let path = self.path.display();
                self.tell(&format!("what runs below cannot be written to `{path}`: {error}"));
            }
        }
    }

    /// Stops everything first, so that nothing forks away while the rest is killed.
    fn kill(&mut self) {
        if let Err(error) = freeze_and_kill() {
            self.tell(&format!("what runs below cannot be found: {error}"));
            // Not all of it, but what can be named without looking. The tool's pid is its own until it is reaped.
            for process in &self.record.below {
                processes::signal(*process, Signal::SIGKILL);
            }
            if self.ended.is_none() {
                let _ = kill(self.main, Signal::SIGKILL);
            }
        }
    }

    /// What is alive below; where that cannot be seen, what was known to live there.
    fn survivors(&self) -> Vec<i32> {
        let found = below().map(|found| found.iter().map(|process| process.pid).collect());
        found.unwrap_or_else(|_| {
            let known = self.record.below.iter().map(|process| process.pid);
            let main = self.ended.is_none().then_some(self.main.as_raw());
            known.chain(main).collect::<BTreeSet<_>>().into_iter().collect()
        })
    }

    /// Tells the parent, once for each trouble. A parent that is gone needs no telling.
    fn tell(&mut self, reason: &str) {
        if self.trouble.as_deref() != Some(reason) {
            self.trouble = Some(reason.to_owned());
            let _ = frame::write(self.control, &Report::Trouble { reason: reason.to_owned() });
        }
    }

    fn report(&self, survivors: Vec<i32>) -> io::Result<()> {
        let (code, signal) = self.ended.unwrap_or_default();
        let usage = usage().unwrap_or_default();
        frame::write(self.control, &Report::Ended { code, signal, usage, survivors })
    }
}

fn below() -> io::Result<Vec<Identity>> {
    let pid = i32::try_from(std::process::id()).map_err(io::Error::other)?;
    Ok(processes::descendants(pid)?.iter().map(|process| process.identity).collect())
}

fn signal_all(signal: Signal) -> io::Result<usize> {
    let found = below()?;
    for process in &found {
        processes::signal(*process, signal);
    }
    Ok(found.len())
}

fn freeze_and_kill() -> io::Result<()> {
    let mut frozen = 0;
    for _ in 0..16 {
        let found = signal_all(Signal::SIGSTOP)?;
        if found <= frozen {
            break;
        }
        frozen = found;
    }
    signal_all(Signal::SIGKILL)?;
    Ok(())
}

fn usage() -> nix::Result<Usage> {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(Usage {
        user_millis: used.user_time().num_milliseconds(),
        system_millis: used.system_time().num_milliseconds(),
        max_rss_kib: used.max_rss(),
    })
}
