//! Finds and kills what shims of an earlier start left behind.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::processes::{self, Identity, Process};
use super::record::{self, MARK_VARIABLE, ShimRecord};

/// Rounds of killing before the sweep gives up, with a pause of 20 ms between two.
const ROUNDS: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// What a sweep found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Processes that were killed.
    pub killed: usize,
    /// Records of shims that were removed.
    pub records: usize,
}

/// Why a sweep did not finish.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The state folder or `/proc` cannot be read.
    #[error("leftover processes cannot be looked for: {0}")]
    Io(#[from] io::Error),
    /// Some do not die; as a process in an uninterruptible wait does.
    #[error("processes of an earlier start do not die: {0:?}; end them, or restart the machine")]
    Survivors(Vec<i32>),
}

/// Kills every process that carries the mark of the data folder to which `folder` (its `shims/`) belongs, or that
/// a shim of it wrote down, with all their descendants. Blocks until none is left, at most some seconds.
///
/// Only the holder of the data folder's lock may call it.
pub fn sweep_stale(folder: &Path) -> Result<Swept, SweepError> {
    let mark = format!("{MARK_VARIABLE}={}:", record::mark(folder)?);
    let records = record::records(folder)?;
    let boot = processes::boot_id()?;
    let noted: BTreeSet<Identity> = records
        .iter()
        .filter_map(|path| ShimRecord::read(path))
        .filter(|record| record.boot == boot)
        .flat_map(|record| record.below.into_iter().chain([record.shim]))
        .collect();
    let killed = kill_marked(&mark, &noted)?;
    for path in &records {
        forget(path)?;
    }
    Ok(Swept { killed, records: records.len() })
}

/// Kills whatever a shim that vanished has left. `mark` is its own: `DATA-FOLDER-MARK:SHIM`.
pub(super) fn sweep_one(mark: &str, record: &Path) -> Result<usize, SweepError> {
    let noted = match ShimRecord::read(record) {
        Some(record) if record.boot == processes::boot_id()? => record.below.into_iter().collect(),
        _ => BTreeSet::new(),
    };
    let killed = kill_marked(&format!("{MARK_VARIABLE}={mark}"), &noted)?;
    forget(record)?;
    Ok(killed)
}

/// Removes a record. A shim that was just ending by itself has removed its own already.
fn forget(record: &Path) -> io::Result<()> {
    match fs::remove_file(record) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn kill_marked(mark: &str, noted: &BTreeSet<Identity>) -> Result<usize, SweepError> {
    let mut hit = BTreeSet::new();
    let mut left = Vec::new();
    for _ in 0..ROUNDS {
        left = targets(mark, noted)?;
        if left.is_empty() {
            return Ok(hit.len());
        }
        for process in &left {
            processes::signal(process.identity, Signal::SIGKILL);
            hit.insert(process.identity);
        }
        thread::sleep(PAUSE);
    }
    Err(SweepError::Survivors(left.iter().map(|process| process.identity.pid).collect()))
}

fn targets(mark: &str, noted: &BTreeSet<Identity>) -> io::Result<Vec<Process>> {
    let all = processes::all()?;
    let own = own_line(&all);
    let mut targets: Vec<_> = all
        .iter()
        .filter(|process| noted.contains(&process.identity) || is_marked(process.identity.pid, mark))
        .copied()
        .collect();
    let roots = targets.iter().map(|process| process.identity.pid).filter(|pid| !own.contains(pid)).collect();
    targets.extend(processes::below(&all, &roots));
    targets.retain(|process| !process.zombie && !own.contains(&process.identity.pid));
    Ok(targets)
}

/// This process and its ancestors: never a target, even where a factory runs inside a step of itself.
fn own_line(all: &[Process]) -> BTreeSet<i32> {
    let mut line = BTreeSet::from([1]);
    let mut next = i32::try_from(std::process::id()).ok();
    while let Some(pid) = next {
        if !line.insert(pid) {
            break;
        }
        next = all.iter().find(|process| process.identity.pid == pid).map(|process| process.parent);
    }
    line
}

fn is_marked(pid: i32, mark: &str) -> bool {
    // Unreadable means another user's, so not ours, or gone.
    let Ok(environ) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    environ.split(|byte| *byte == 0).any(|variable| {
        if mark.ends_with(':') { variable.starts_with(mark.as_bytes()) } else { variable == mark.as_bytes() }
    })
}
