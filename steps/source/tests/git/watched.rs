//! Servers that end with their test, and an eye on what every process was given.

use std::collections::BTreeSet;
use std::fs;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A server that leads a process group and ends with the test.
pub(crate) struct Server(pub(crate) Child);

impl Drop for Server {
    fn drop(&mut self) {
        // The whole group: Git's daemon is a child of `git`.
        let group = i32::try_from(self.0.id()).unwrap();
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// Every argument list on this machine that holds `needle`, looked at until told to stop.
pub(crate) fn watch_arguments(
    needle: String,
    stop: Arc<AtomicBool>,
) -> std::thread::JoinHandle<BTreeSet<String>> {
    std::thread::spawn(move || {
        let mut found = BTreeSet::new();
        while !stop.load(Ordering::SeqCst) {
            for process in fs::read_dir("/proc").unwrap().flatten() {
                let arguments = fs::read(process.path().join("cmdline")).unwrap_or_default();
                let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
                if arguments.contains(&needle) {
                    found.insert(arguments);
                }
            }
        }
        found
    })
}
