//! The shim itself: the program mode `exec-shim`.
//!
//! It runs before the factory reads any configuration, has no runtime, and knows only what its socket tells.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::time::TimeValLike as _;
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{Pid, setsid};
use vocab::Clock as _;

use super::frame::{self, Order, Report, Rlimits, Spec, Usage};
use super::processes::{self, Identity};
use super::record::ShimRecord;
use crate::SystemClock;

/// Time that what the tool left running gets to end by itself once the tool has ended.
const LEFTOVER_GRACE: Duration = Duration::from_millis(500);
/// Pause between two rounds of killing.
const KILL_PAUSE: Duration = Duration::from_millis(20);
/// Time after which what does not die is reported instead of waited for.
const KILL_PATIENCE: Duration = Duration::from_secs(30);
/// Longest pause between two looks at what lives below.
const LOOK_PAUSE: Duration = Duration::from_secs(2);

/// Runs the shim on the socket that is its standard input, to the end of its tool and all that the tool started.
///
/// The binary calls this when its first argument is `exec-shim`, before anything else, on its main thread.
pub fn shim_main() -> ExitCode {
    // There is nobody to tell but the parent, which sees the socket close without a report.
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(125),
    }
}

enum News {
    Stop,
    Reaped(Pid, Option<i32>, Option<i32>),
    NobodyLeft,
}

fn serve() -> io::Result<()> {
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    prctl::set_child_subreaper(true)?;
    setsid()?;
    let Some(Order::Run(mut spec)) = frame::read(&control)? else { return Ok(()) };
    let path = PathBuf::from(spec.record.clone().into_os());
    let mut record = ShimRecord::of_this_process()?;
    record.write(&path)?;
    let stdin = spec.stdin.take();
    let mut child = match start(&spec, stdin.is_some()) {
        Ok(child) => child,
        Err(error) => {
            let missing = error.kind() == io::ErrorKind::NotFound;
            frame::write(&control, &Report::Refused { reason: error.to_string(), missing })?;
            return std::fs::remove_file(&path);
        }
    };
    // Blocked only now: a child inherits the mask.
    let stops = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]);
    stops.thread_block()?;
    let (news, inbox) = sync_channel(64);
    if let (Some(bytes), Some(mut pipe)) = (stdin, child.stdin.take()) {
        // A tool that does not read its input to the end is no failure.
        thread::spawn(move || io::Write::write_all(&mut pipe, &bytes.0));
    }
    let main = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    watch(&control, stops, &news)?;
    thread::spawn(move || reap(&news));

    let clock = SystemClock::new();
    let mut family = Family { main, code: None, signal: None, phase: Phase::Running };
    let mut look = Duration::from_millis(100);
    let mut survivors = Vec::new();
    loop {
        let pause = match family.phase {
            Phase::Running => look,
            Phase::Asked { kill_at } => kill_at.saturating_sub(clock.monotonic()),
            Phase::Killing { .. } => KILL_PAUSE,
        };
        match inbox.recv_timeout(pause) {
            Ok(News::NobodyLeft) | Err(RecvTimeoutError::Disconnected) => break,
            Ok(News::Stop) => {
                if matches!(family.phase, Phase::Running) {
                    let grace = Duration::from_millis(spec.grace_millis);
                    family.phase = Phase::Asked { kill_at: clock.monotonic() + grace };
                    signal_all(Signal::SIGTERM)?;
                }
            }
            Ok(News::Reaped(pid, code, signal)) => {
                if pid == family.main {
                    (family.code, family.signal) = (code, signal);
                    if matches!(family.phase, Phase::Running) && signal_all(Signal::SIGTERM)? > 0 {
                        family.phase = Phase::Asked { kill_at: clock.monotonic() + LEFTOVER_GRACE };
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => match family.phase {
                Phase::Running => {
                    note(&mut record, &path)?;
                    look = (look * 2).min(LOOK_PAUSE);
                }
                Phase::Asked { .. } => {
                    family.phase = Phase::Killing { give_up_at: clock.monotonic() + KILL_PATIENCE };
                    freeze_and_kill()?;
                }
                Phase::Killing { give_up_at } => {
                    freeze_and_kill()?;
                    if clock.monotonic() >= give_up_at {
                        survivors = below()?.iter().map(|process| process.pid).collect();
                        break;
                    }
                }
            },
        }
    }
    let usage = usage().unwrap_or_default();
    if survivors.is_empty() {
        std::fs::remove_file(&path)?;
    }
    frame::write(&control, &Report::Ended { code: family.code, signal: family.signal, usage, survivors })
}

struct Family {
    main: Pid,
    code: Option<i32>,
    signal: Option<i32>,
    phase: Phase,
}

#[derive(Clone, Copy)]
enum Phase {
    /// The tool works.
    Running,
    /// Everything below was asked to end.
    Asked { kill_at: Duration },
    /// Everything below is killed, again and again, until nothing is left.
    Killing { give_up_at: Duration },
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the shim: the one place where a tool's process begins"
)]
fn start(spec: &Spec, piped: bool) -> io::Result<std::process::Child> {
    bound(&spec.rlimits)?;
    let mut command = Command::new(spec.program.clone().into_os());
    if let Some(name) = PathBuf::from(spec.program.clone().into_os()).file_name() {
        command.arg0(name);
    }
    command
        .args(spec.args.iter().cloned().map(frame::Bytes::into_os))
        .env_clear()
        .envs(spec.env.iter().map(|(name, value)| (name, value.clone().into_os())))
        .current_dir(spec.dir.clone().into_os())
        .stdin(if piped { Stdio::piped() } else { Stdio::null() });
    command.spawn()
}

/// Sets the bounds on the shim itself; the tool inherits them. None is raised above what the shim may have.
fn bound(limits: &Rlimits) -> io::Result<()> {
    let mut bounds = vec![
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_NOFILE, limits.files),
        (Resource::RLIMIT_FSIZE, limits.file_bytes),
        (Resource::RLIMIT_NPROC, limits.processes),
    ];
    if limits.memory_bytes > 0 {
        bounds.push((Resource::RLIMIT_AS, limits.memory_bytes));
    }
    for (resource, bound) in bounds {
        let (_, hard) = nix::sys::resource::getrlimit(resource)?;
        let bound = bound.min(hard);
        setrlimit(resource, bound, bound)?;
    }
    Ok(())
}

/// Turns the socket's end, an order to stop, and a signal into news.
fn watch(control: &UnixStream, stops: SigSet, news: &SyncSender<News>) -> io::Result<()> {
    let orders = control.try_clone()?;
    let told = news.clone();
    thread::spawn(move || {
        // Whatever comes now means stop: the order, the end of the parent, or nonsense.
        let _ = frame::read::<Order>(&orders);
        let _ = told.send(News::Stop);
    });
    let told = news.clone();
    thread::spawn(move || {
        if stops.wait().is_ok() {
            let _ = told.send(News::Stop);
        }
    });
    Ok(())
}

/// Reaps children, adopted ones too, until there is none.
fn reap(news: &SyncSender<News>) {
    loop {
        let told = match wait() {
            Ok(WaitStatus::Exited(pid, code)) => News::Reaped(pid, Some(code), None),
            Ok(WaitStatus::Signaled(pid, signal, _)) => News::Reaped(pid, None, Some(signal as i32)),
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(_) => News::NobodyLeft,
        };
        let last = matches!(told, News::NobodyLeft);
        if news.send(told).is_err() || last {
            return;
        }
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

/// Stops everything first, so that nothing forks away while the rest is killed.
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

/// Writes down what lives below, when that has changed.
fn note(record: &mut ShimRecord, path: &std::path::Path) -> io::Result<()> {
    let found = below()?;
    if found != record.below {
        record.below = found;
        record.write(path)?;
    }
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
