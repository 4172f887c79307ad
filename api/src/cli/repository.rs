//! The Git repository around a file: where a local run takes its source from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_ports::{RunSource, ToolCommand, ToolRunner};
use tokio_util::sync::CancellationToken;
use vocab::Name;

use super::quiet_log::QuietLog;
use crate::ui::Ui;

/// Asking Git for a commit is quick.
const PATIENCE: Duration = Duration::from_secs(20);

/// A working tree.
pub(super) struct Repository {
    top: PathBuf,
}

impl Repository {
    /// The repository whose working tree holds `file`, if one does.
    pub(super) fn around(file: &Path) -> Option<Self> {
        let file = std::fs::canonicalize(file).ok()?;
        let top = file.ancestors().skip(1).find(|folder| folder.join(".git").exists())?;
        Some(Self { top: top.to_owned() })
    }

    /// The top of the working tree.
    pub(super) fn top(&self) -> &Path {
        &self.top
    }

    /// The commit that is checked out, as the source of a run; says which, and what is not part of it.
    pub(super) async fn head(&self, tools: &dyn ToolRunner, folder: &Path, ui: Ui) -> Option<RunSource> {
        let top = self.top.display();
        let Some(commit) =
            self.ask(tools, folder, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await
        else {
            ui.note(format!("source: none; no commit could be read from {top}"));
            return None;
        };
        let git_ref = self.ask(tools, folder, &["symbolic-ref", "--quiet", "HEAD"]).await;
        let changed = self.ask(tools, folder, &["status", "--porcelain", "--untracked-files=no"]).await;
        let beside = if changed.is_some() { "; uncommitted changes are not part of it" } else { "" };
        ui.note(format!("source: commit {} of {top}{beside}", &commit[..commit.len().min(12)]));
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
        let safe = format!("safe.directory={}", self.top.display());
        let mut command = ToolCommand::new("git", folder)
            .args(["-c", &safe, "-C"])
            .arg(self.top.as_os_str())
            .args(args)
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
