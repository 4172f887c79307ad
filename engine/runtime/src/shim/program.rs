//! The shim itself: the program mode `exec-shim`.
//!
//! It runs before the factory reads any configuration, has no runtime, and knows only what its socket tells.

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, setsid};

use super::frame::{self, Order, Report, Rlimits, Spec};
use super::helpers::Helpers;
use super::record::ShimRecord;
use super::supervision::Supervision;

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

fn serve() -> io::Result<()> {
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    prctl::set_child_subreaper(true)?;
    setsid()?;
    let Some(Order::Run(mut spec)) = frame::read(&control)? else { return Ok(()) };
    let path = PathBuf::from(spec.record.clone().into_os());
    let refuse = |reason: String, missing| {
        let _ = fs::remove_file(&path);
        frame::write(&control, &Report::Refused { reason, missing })
    };
    let record = ShimRecord::of_this_process().and_then(|record| record.write(&path).map(|()| record));
    let record = match record {
        Ok(record) => record,
        Err(error) => return refuse(format!("`{}` cannot be written: {error}", path.display()), false),
    };
    let stops = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]);
    // Before the tool: a thread that cannot be started leaves nothing behind, and the bound on processes is not
    // set yet.
    let helpers = match Helpers::start(&control, stops, spec.stdin.take()) {
        Ok(helpers) => helpers,
        Err(error) => return refuse(format!("a thread of the shim cannot be started: {error}"), false),
    };
    let mut child = match start(&spec, helpers.feed.is_some()) {
        Ok(child) => child,
        Err(error) => return refuse(error.to_string(), error.kind() == io::ErrorKind::NotFound),
    };
    // From here on nothing ends the shim but the end of everything below it. The signals are blocked only now: a
    // child inherits the mask. Where they cannot be, one of them ends the shim, and the parent sweeps. The last is what
    // the kernel answers with when a record would be longer than the tool's files may be; then the write fails.
    let mut deadly = stops;
    deadly.add(Signal::SIGXFSZ);
    let _ = deadly.thread_block();
    // A pid is a positive `i32` on Linux.
    let main = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let inbox = helpers.go(child.stdin.take());
    let grace = Duration::from_millis(spec.grace_millis);
    Supervision { control: &control, path: &path, record, main, ended: None, trouble: None }
        .run(&inbox, grace)
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
