//! Running programs so that their failures say what to do.

use engine_ports::{
    ActionError, StepContext, StepLog, ToolCommand, ToolError, ToolExit, ToolRunner, UndoContext,
};
use tokio_util::sync::CancellationToken;
use vocab::{ActionManifest, ErrorClass, ToolNeed};

/// What class a failed exit of one program has.
pub type Classifier = fn(&ToolExit) -> ErrorClass;

/// For programs whose failures all come from what they were given.
pub const fn always_permanent(_: &ToolExit) -> ErrorClass {
    ErrorClass::Permanent
}

/// Lines of standard error that go into a message; all of them are in the log.
const TAIL_LINES: usize = 8;
/// Characters of standard error that go into a message.
const TAIL_CHARS: usize = 1200;

/// The programs of one action.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// Who asks, for messages: `git/fetch@v1`.
    pub asked_by: &'a str,
    /// Which package holds which program.
    pub needs: &'a [ToolNeed],
    /// What runs them.
    pub runner: &'a dyn ToolRunner,
    /// Where their output goes.
    pub log: &'a dyn StepLog,
    /// Fires when they must stop.
    pub cancel: &'a CancellationToken,
}

impl<'a> Tools<'a> {
    /// For an attempt of the action that `manifest` describes.
    pub fn of(ctx: &'a StepContext, manifest: &'a ActionManifest) -> Self {
        Self {
            asked_by: &manifest.action.name,
            needs: &manifest.tools,
            runner: &*ctx.services.tools,
            log: &*ctx.log,
            cancel: &ctx.cancel,
        }
    }

    /// For a probe or an undo of the action that `manifest` describes.
    pub fn of_undo(ctx: &'a UndoContext, manifest: &'a ActionManifest) -> Self {
        Self {
            asked_by: &manifest.action.name,
            needs: &manifest.tools,
            runner: &*ctx.services.tools,
            log: &*ctx.log,
            cancel: &ctx.cancel,
        }
    }

    /// Runs a program that has to end with code 0.
    pub async fn run(&self, command: ToolCommand, classify: Classifier) -> Result<ToolExit, ActionError> {
        let shown = shown(&command);
        let exit = self.run_any(command).await?;
        if exit.success() { Ok(exit) } else { Err(failed(&shown, &exit, classify(&exit))) }
    }

    /// Runs a program whose exit code means something to the caller.
    pub async fn run_any(&self, command: ToolCommand) -> Result<ToolExit, ActionError> {
        self.runner.run(command, self.log, self.cancel).await.map_err(|error| self.explain(&error))
    }

    /// Refuses to go on without a program that another one starts: what that says of it helps nobody.
    pub fn require(&self, program: &str) -> Result<(), ActionError> {
        match self.runner.find(program) {
            Some(_) => Ok(()),
            None => Err(self.explain(&ToolError::NotFound(program.to_owned()))),
        }
    }

    fn explain(&self, error: &ToolError) -> ActionError {
        let class = match error {
            ToolError::NotFound(_) | ToolError::TooMuchOutput { .. } => ErrorClass::Permanent,
            // What it had done by then is not known.
            ToolError::Cancelled(_) => ErrorClass::Unknown,
            ToolError::TimedOut { .. } | ToolError::Failed { .. } => ErrorClass::Transient,
        };
        let ToolError::NotFound(program) = error else {
            return ActionError::new(class, error.to_string());
        };
        let missing = ActionError::new(class, format!("{error}, and {} needs it", self.asked_by));
        match self.needs.iter().find(|need| need.program == *program) {
            Some(need) => missing.help(format!("apt-get install {}", need.package)),
            None => missing,
        }
    }
}

/// The error for a program that ended badly, with the end of what it said.
fn failed(shown: &str, exit: &ToolExit, class: ErrorClass) -> ActionError {
    let how = match (exit.code, exit.signal) {
        (Some(code), _) => format!("`{shown}` ended with code {code}"),
        (None, Some(signal)) => format!("`{shown}` was ended by signal {signal}"),
        (None, None) => format!("`{shown}` ended badly"),
    };
    let lines: Vec<&str> = exit.stderr_tail.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
    let cut = tail.char_indices().rev().nth(TAIL_CHARS).map_or(0, |(at, _)| at);
    match &tail[cut..] {
        "" => ActionError::new(class, how),
        tail => ActionError::new(class, format!("{how}: {tail}")),
    }
}

/// Program and first word that is no option: `git fetch`.
fn shown(command: &ToolCommand) -> String {
    let program = command.program.rsplit('/').next().unwrap_or_default();
    let verb = command.args.first().and_then(|word| word.to_str()).filter(|word| {
        word.len() < 20
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            && !word.starts_with('-')
    });
    verb.map_or_else(|| program.to_owned(), |verb| format!("{program} {verb}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Manifest;
    use crate::harness::{CollectingLog, DirectTools};

    async fn run(command: ToolCommand) -> Result<ToolExit, ActionError> {
        let manifest = Manifest::new("test/run", 1, "").tool("frobnicate", "frob-utils").example("");
        let tools = Tools {
            asked_by: &manifest.action.name,
            needs: &manifest.tools,
            runner: &DirectTools,
            log: &CollectingLog::default(),
            cancel: &CancellationToken::new(),
        };
        tools
            .run(
                command,
                |exit| if exit.code == Some(75) { ErrorClass::Transient } else { ErrorClass::Permanent },
            )
            .await
    }

    fn sh(script: &str) -> ToolCommand {
        ToolCommand::new("sh", std::env::temp_dir()).arg("-c").arg(script)
    }

    #[tokio::test]
    async fn a_missing_program_is_named_with_its_package() {
        let error = run(ToolCommand::new("frobnicate", std::env::temp_dir())).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permanent);
        assert!(error.message.contains("frobnicate") && error.message.contains("test/run"), "{error}");
        assert_eq!(error.help.as_deref(), Some("apt-get install frob-utils"));
    }

    #[test]
    fn a_program_that_another_one_starts_is_missed_before() {
        let (log, cancel) = (CollectingLog::default(), CancellationToken::new());
        let manifest = Manifest::new("test/run", 1, "").tool("frobnicate", "frob-utils").example("");
        let tools = Tools {
            asked_by: "test/run",
            needs: &manifest.tools,
            runner: &DirectTools,
            log: &log,
            cancel: &cancel,
        };
        assert_eq!(tools.require("sh"), Ok(()));
        let error = tools.require("frobnicate").unwrap_err();
        assert_eq!(error.help.as_deref(), Some("apt-get install frob-utils"));
    }

    #[tokio::test]
    async fn a_failure_shows_the_end_of_what_the_program_said() {
        let error = run(sh("seq 100 >&2; echo the mirror is gone >&2; exit 75")).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Transient);
        assert!(
            error.message.contains("code 75") && error.message.ends_with("the mirror is gone"),
            "{error}"
        );
        assert!(!error.message.contains("\n50\n"), "{error}");
        assert_eq!(run(sh("exit 3")).await.unwrap_err().message, "`sh` ended with code 3");
    }
}
