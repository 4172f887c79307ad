//! The processes of this machine, as `/proc` tells.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// A process that cannot be mistaken for a later one of the same pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) pid: i32,
    /// Clock ticks between boot and its start.
    pub(super) start: u64,
}

/// A process as it is now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pub(super) identity: Identity,
    pub(super) parent: i32,
    /// Dead, and waiting for its parent to notice.
    pub(super) zombie: bool,
}

/// Identifies this boot of the machine: pids and start times mean nothing beyond it.
pub(super) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// The process of that pid, while there is one.
pub(super) fn process(pid: i32) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, parentheses too.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 2..)?).ok()?;
    let fields: Vec<_> = rest.split_ascii_whitespace().collect();
    Some(Process {
        identity: Identity { pid, start: fields.get(19)?.parse().ok()? },
        parent: fields.get(1)?.parse().ok()?,
        zombie: matches!(fields.first(), Some(&"Z" | &"X")),
    })
}

/// Every process that can be seen.
pub(super) fn all() -> io::Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
            found.extend(process(pid));
        }
    }
    Ok(found)
}

/// Those of `processes` that descend from one of `roots`, without the roots.
pub(super) fn below(processes: &[Process], roots: &BTreeSet<i32>) -> Vec<Process> {
    let mut family = roots.clone();
    let mut found = Vec::new();
    loop {
        let before = found.len();
        for process in processes {
            if family.contains(&process.parent) && family.insert(process.identity.pid) {
                found.push(*process);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// The living descendants of a process.
pub(super) fn descendants(pid: i32) -> io::Result<Vec<Process>> {
    let mut found = below(&all()?, &BTreeSet::from([pid]));
    found.retain(|process| !process.zombie);
    Ok(found)
}

/// Sends a signal; a process that is gone meanwhile is no failure.
pub(super) fn signal(process: Identity, signal: Signal) {
    // Between the look and the signal the pid could pass to a stranger only after the process was reaped and all
    // other pids were used up; looking at the start time again shrinks that to nothing that can be met.
    if self::process(process.pid).is_some_and(|now| now.identity == process) {
        let _ = kill(Pid::from_raw(process.pid), signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_finds_itself_and_its_place() {
        let me = i32::try_from(std::process::id()).unwrap();
        let parent = i32::try_from(std::os::unix::process::parent_id()).unwrap();
        let found = process(me).unwrap();
        assert_eq!(found.parent, parent);
        assert!(!found.zombie);
        assert!(descendants(parent).unwrap().iter().any(|process| process.identity == found.identity));
    }

    #[test]
    fn descent_is_followed_in_any_order_of_pids() {
        let process = |pid, parent| Process { identity: Identity { pid, start: 1 }, parent, zombie: false };
        let all = [process(2, 9), process(9, 5), process(5, 1), process(7, 1)];
        let mut pids: Vec<_> = below(&all, &BTreeSet::from([5])).iter().map(|p| p.identity.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [2, 9]);
    }
}
