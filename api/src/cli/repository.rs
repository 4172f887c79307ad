//! The Git repository around a file: where a local run takes its source from.
//!
//! A repository is data of whoever wrote it, and its configuration names programs: `core.fsmonitor`, hooks, filters, the
//! helpers of remotes. So only one of our own user counts, Git's own look at the owner stays in force, and Git is asked
//! only what it answers from refs: neither the index nor an object is read.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_ports::{RunSource, ToolCommand, ToolRunner};
use tokio_util::sync::CancellationToken;
use vocab::Name;

use super::quiet_log::QuietLog;
use crate::ui::Ui;

/// Asking Git for a commit is quick.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a repository's configuration may not name, whatever is asked.
const NO_PROGRAMS: [&str; 6] =
    ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "credential.helper="];

/// A working tree of our own user.
pub(super) struct Repository {
    top: PathBuf,
}

impl Repository {
    /// The repository whose working tree holds `file`, if one does. One of another user is passed over, and said so:
    /// neither is it read, nor is a repository further out taken for it.
    pub(super) fn around(file: &Path, ui: Ui) -> Option<Self> {
        let file = std::fs::canonicalize(file).ok()?;
        let top = file.ancestors().skip(1).find(|folder| folder.join(".git").symlink_metadata().is_ok())?;
        if let Some(owner) = foreign_owner(top) {
            let (top, us) = (top.display(), nix::unistd::geteuid());
            ui.note(format!(
                "source: none; the repository {top} belongs to user {owner}, and this is user {us}: run the command \
                 as its owner, or clone it and run the clone's file"
            ));
            return None;
        }
        Some(Self { top: top.to_owned() })
    }

    /// The top of the working tree.
    pub(super) fn top(&self) -> &Path {
        &self.top
    }

    /// The commit that is checked out, as the source of a run; says which, and what is not part of it.
    pub(super) async fn head(&self, tools: &dyn ToolRunner, folder: &Path, ui: Ui) -> Option<RunSource> {
        let top = self.top.display();
        // Without `^{commit}`: looking at the object could make Git fetch it from wherever the repository says.
        let Some(commit) = self.ask(tools, folder, &["rev-parse", "--verify", "--quiet", "HEAD"]).await
        else {
            ui.note(format!("source: none; no commit could be read from {top}"));
            return None;
        };
        let git_ref = self.ask(tools, folder, &["symbolic-ref", "--quiet", "HEAD"]).await;
        // Whether there are changes cannot be told without the filters that the repository names.
        let short = &commit[..commit.len().min(12)];
        ui.note(format!(
            "source: commit {short} of {top}; changes that are not committed are not part of it"
        ));
        Some(RunSource {
            project: self.name(),
            url: format!("file://{top}"),
            commit,
            git_ref,
            credentials: None,
        })
    }

    /// The first line that Git answers, if it does.
    async fn ask(&self, tools: &dyn ToolRunner, folder: &Path, args: &[&str]) -> Option<String> {
        // Where the top is no repository after all, Git must not go on to one further out.
        let outside = self.top.parent().map_or_else(OsString::new, |parent| parent.as_os_str().to_owned());
        let mut command = ToolCommand::new("git", folder)
            .args(NO_PROGRAMS)
            .arg("-C")
            .arg(self.top.as_os_str())
            .args(args)
            .env("GIT_CEILING_DIRECTORIES", outside)
            .env("GIT_ALLOW_PROTOCOL", "none")
            .capture(1 << 20);
        command.timeout = Some(PATIENCE);
        let exit = tools.run(command, &QuietLog, &CancellationToken::new()).await.ok()?;
        let text = String::from_utf8(exit.stdout.clone()).ok()?;
        let line = text.lines().next()?.trim().to_owned();
        (exit.success() && !line.is_empty()).then_some(line)
    }

    /// The folder's name as a project's.
    fn name(&self) -> Name {
        let folder = self.top.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let words: Vec<&str> =
            folder.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        words.join("-").parse().unwrap_or_else(|_| Name::default_tenant())
    }
}

/// The user that is not us and owns the working tree at `top` or its `.git`, as a link or as what it leads to.
fn foreign_owner(top: &Path) -> Option<u32> {
    let us = nix::unistd::geteuid().as_raw();
    let git = top.join(".git");
    let looks = [std::fs::metadata(top), std::fs::symlink_metadata(&git), std::fs::metadata(&git)];
    // What cannot be looked at is refused by Git in a moment.
    looks.into_iter().flatten().map(|meta| meta.uid()).find(|owner| *owner != us)
}
