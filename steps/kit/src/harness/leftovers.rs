//! Ends what the tools of an attempt left running.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long processes may take to die, in steps of [`PAUSE`].
const ROUNDS: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// Kills every process that names `folder` in its command line or stands in it, until there is none.
///
/// The engine's shim finds them as its descendants. Here tools run without it, and some detach: a container's monitor
/// tidies up in the work folder after the tool has ended, while the test already removes that folder.
pub(super) async fn end(folder: &Path) {
    for _ in 0..ROUNDS {
        let left = processes_of(folder);
        if left.is_empty() {
            return;
        }
        for pid in left {
            // One that has just ended by itself is what is wanted.
            let _ = kill(pid, Signal::SIGKILL);
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("processes in `{}` do not end", folder.display());
}

fn processes_of(folder: &Path) -> Vec<Pid> {
    let own = Pid::this();
    let entries = fs::read_dir("/proc").expect("a Linux machine").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).map(Pid::from_raw);
    pids.filter(|pid| *pid != own && names(*pid, folder)).collect()
}

/// Whether a process belongs to the folder. A zombie has neither command line nor folder.
fn names(pid: Pid, folder: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    let stands_in = fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    let wanted = folder.as_os_str().as_bytes();
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    stands_in || line.windows(wanted.len()).any(|part| part == wanted)
}
