//! The control groups of one attempt: named after it, so that what a killed attempt left is found and removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use engine_ports::{ActionError, StepContext};
use steps_kit::blocking;
use vocab::{Digest, Timestamp};

const MOUNT: &str = "/sys/fs/cgroup";
const PARENT: &str = "image-factory";

/// Groups of attempts whose step never came back are removed after this time.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// The control group below which an attempt's containers run.
///
/// An empty group costs nothing and holds nothing: what is left of one is untidy, not dangerous. So groups are no
/// effects; each attempt sweeps those of its step's earlier attempts and those that are a day old.
#[derive(Debug, Clone)]
pub(crate) struct Cgroup {
    step: String,
    attempt: u32,
}

impl Cgroup {
    fn of(ctx: &StepContext) -> Self {
        // The folder tells factories apart that share a machine.
        let factory = ctx.work.parent().unwrap_or(&ctx.work).display();
        let key = format!("{factory}/{}/{}", ctx.run, ctx.path);
        Self { step: Digest::of(key).short().to_owned(), attempt: ctx.attempt }
    }

    /// What `--cgroup-parent` takes; nothing without `root`, since nobody else may make a group there.
    pub(crate) fn parent(&self, root: bool) -> Option<String> {
        root.then(|| format!("/{PARENT}/{}-{}", self.step, self.attempt))
    }

    /// Bounds what all containers of this attempt may take together. Only root can; everybody else has what the
    /// worker's own group allows.
    pub(crate) async fn bound(&self, root: bool, bounds: Bounds) -> Result<(), ActionError> {
        if !root {
            return Ok(());
        }
        let name = format!("{}-{}", self.step, self.attempt);
        blocking(move || bound(Path::new(MOUNT), &name, bounds)).await
    }

    /// The group of this attempt, once those of earlier attempts are removed.
    pub(crate) async fn enter(ctx: &StepContext) -> Result<Self, ActionError> {
        let (own, now) = (Self::of(ctx), ctx.services.clock.now());
        blocking(move || {
            own.sweep(now);
            Ok(own)
        })
        .await
    }

    /// Removes this attempt's groups, once its tools are gone.
    pub(crate) async fn leave(self) -> Result<(), ActionError> {
        blocking(move || {
            let own = format!("{}-{}", self.step, self.attempt);
            Self::remove_where(|name, _| name == own);
            Ok(())
        })
        .await
    }

    fn sweep(&self, now: Timestamp) {
        Self::remove_where(|name, made| {
            let mine = name.strip_prefix(&self.step).and_then(|rest| rest.strip_prefix('-'));
            let earlier = mine.and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| n < self.attempt);
            earlier || now.since(made) > ABANDONED
        });
    }

    fn remove_where(is_to_go: impl Fn(&str, Timestamp) -> bool) {
        for parent in parents(Path::new(MOUNT)) {
            for (name, folder) in folders(&parent) {
                if is_to_go(&name, made(&folder)) {
                    remove_tree(&folder, 4);
                }
            }
        }
    }
}

/// How much the containers of an attempt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// In bytes.
    pub(crate) memory: u64,
    /// Processes and threads.
    pub(crate) pids: u64,
}

/// Makes the group `name` with its bounds, in either version of control groups.
fn bound(mount: &Path, name: &str, bounds: Bounds) -> Result<(), ActionError> {
    let write = |file: PathBuf, text: &str| fs::write(&file, text).map_err(|error| unbounded(&file, &error));
    let make = |folder: &Path| fs::create_dir_all(folder).map_err(|error| unbounded(folder, &error));
    let (memory, pids) = (bounds.memory.to_string(), bounds.pids.to_string());
    if mount.join("cgroup.controllers").exists() {
        let parent = mount.join(PARENT);
        make(&parent.join(name))?;
        for folder in [mount, &parent] {
            let file = folder.join("cgroup.subtree_control");
            let given = fs::read_to_string(&file).unwrap_or_default();
            if !["memory", "pids"].iter().all(|word| given.split_whitespace().any(|other| other == *word)) {
                write(file, "+memory +pids")?;
            }
        }
        write(parent.join(name).join("memory.max"), &memory)?;
        return write(parent.join(name).join("pids.max"), &pids);
    }
    for (controller, file, value) in
        [("memory", "memory.limit_in_bytes", &memory), ("pids", "pids.max", &pids)]
    {
        let group = mount.join(controller).join(PARENT).join(name);
        make(&group)?;
        if controller == "memory" {
            // Without it, groups below would not count for this one. New kernels know nothing else.
            let _ = fs::write(group.join("memory.use_hierarchy"), "1");
        }
        write(group.join(file), value)?;
    }
    Ok(())
}

fn unbounded(file: &Path, error: &std::io::Error) -> ActionError {
    ActionError::permanent(format!(
        "the containers of this step cannot be bounded: {} cannot be written: {error}",
        file.display()
    ))
    .help("give the worker the control groups `memory` and `pids`, mounted read-write at /sys/fs/cgroup")
}

/// The group of all attempts in each hierarchy: one for cgroup v2, one a controller for v1.
fn parents(mount: &Path) -> Vec<PathBuf> {
    let hierarchies = folders(mount).into_iter().map(|(_, folder)| folder.join(PARENT));
    std::iter::once(mount.join(PARENT)).chain(hierarchies).filter(|folder| folder.is_dir()).collect()
}

/// Removes a group with all below it. The kernel refuses while a process is in one, so nothing alive is hit.
fn remove_tree(folder: &Path, depth: u32) {
    if depth > 0 {
        for (_, child) in folders(folder) {
            remove_tree(&child, depth - 1);
        }
    }
    if let Err(error) = fs::remove_dir(folder) {
        tracing::debug!(folder = %folder.display(), %error, "a control group stays");
    }
}

fn folders(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect()
}

fn made(folder: &Path) -> Timestamp {
    let since = folder.metadata().and_then(|data| data.modified()).ok();
    let since = since.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_of_the_mount_are_found() {
        let mount = tempfile::tempdir().unwrap();
        for folder in ["memory/image-factory/x-1/conmon", "pids", "image-factory"] {
            fs::create_dir_all(mount.path().join(folder)).unwrap();
        }
        let mut found = parents(mount.path());
        found.sort();
        assert_eq!(found, [mount.path().join("image-factory"), mount.path().join("memory/image-factory")]);
        remove_tree(&mount.path().join("memory/image-factory/x-1"), 4);
        assert!(!mount.path().join("memory/image-factory/x-1").exists());
    }

    #[test]
    fn bounds_are_written_in_either_version() {
        let bounds = Bounds { memory: 1 << 20, pids: 7 };
        let mount = tempfile::tempdir().unwrap();
        let read = |path: &str| fs::read_to_string(mount.path().join(path)).unwrap();
        bound(mount.path(), "x-1", bounds).unwrap();
        assert_eq!(read("memory/image-factory/x-1/memory.limit_in_bytes"), "1048576");
        assert_eq!(read("pids/image-factory/x-1/pids.max"), "7");
        fs::write(mount.path().join("cgroup.controllers"), "memory pids").unwrap();
        bound(mount.path(), "x-1", bounds).unwrap();
        assert_eq!(read("image-factory/x-1/memory.max"), "1048576");
        assert_eq!(read("image-factory/x-1/pids.max"), "7");
        assert_eq!(read("image-factory/cgroup.subtree_control"), "+memory +pids");
    }
}
