//! Running Git for one repository.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_ports::{ActionError, SecretText, StepSettings, ToolCommand, ToolExit};
use steps_kit::{Tools, always_permanent, environment, io_failed};
use vocab::ErrorClass;

use super::classify::{classify, refuses_ids};
use super::credentials::{credentials, known_hosts};
use super::location::{Location, locate};
use super::lookup::configuration;
use super::reference::{patterns, pick};
use super::url::Transport;

/// The only configuration that Git reads. `safe.directory` is for repositories of other users below the roots;
/// the rest keeps Git from running or asking anything.
const CONFIG: &str = "\
[safe]
\tdirectory = *
[core]
\thooksPath = /dev/null
\taskPass =
[credential]
\thelper =
[gc]
\tauto = 0
[maintenance]
\tauto = false
[fetch]
\trecurseSubmodules = no
\tunpackLimit = 1
[tar]
\tumask = 0022
[init]
\tdefaultBranch = none
[advice]
\tdetachedHead = false
";

/// A tree is what was committed: nothing is left out, filled in, filtered or converted.
const ATTRIBUTES: &str =
    "* -export-ignore -export-subst -text -eol -crlf -ident -filter -working-tree-encoding\n";

/// Where fetched commits are kept reachable in our own bare repositories.
const WANTED: &str = "refs/factory/wanted";

/// What is to be fetched: an exact commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Want {
    /// The commit's full id.
    pub(crate) commit: String,
    /// A ref that leads to it, for servers that hand out no commit by its id.
    pub(crate) hint: Option<String>,
}

/// Git, for one remote repository.
pub(crate) struct Git<'a> {
    tools: Tools<'a>,
    scratch: PathBuf,
    location: Location,
    env: BTreeMap<String, OsString>,
    known_hosts: PathBuf,
    timeout: Option<Duration>,
}

impl<'a> Git<'a> {
    /// Checks the URL and prepares configuration and credentials in `scratch`, an empty private folder.
    pub(crate) async fn open(
        tools: Tools<'a>,
        settings: &StepSettings,
        scratch: &Path,
        url: &str,
        secret: Option<&SecretText>,
    ) -> Result<Self, ActionError> {
        let location = locate(url, settings)?;
        let config = scratch.join("gitconfig");
        let way = configuration(&location, settings).await?;
        std::fs::write(&config, format!("{CONFIG}{way}")).map_err(io_failed("write", &config))?;
        let mut env = environment(settings, scratch, tools.log).await?;
        env.extend(credentials(secret, &location, settings, scratch, tools.log)?);
        let mut set = |name: &str, value: OsString| env.insert(name.to_owned(), value);
        set("GIT_CONFIG_NOSYSTEM", "1".into());
        set("GIT_CONFIG_GLOBAL", config.into());
        set("GIT_ATTR_NOSYSTEM", "1".into());
        set("GIT_ALLOW_PROTOCOL", location.transport.protocol().into());
        set("GIT_TERMINAL_PROMPT", "0".into());
        set("GIT_NO_REPLACE_OBJECTS", "1".into());
        set("GIT_LFS_SKIP_SMUDGE", "1".into());
        let known_hosts = known_hosts(settings).to_owned();
        Ok(Self { tools, scratch: scratch.to_owned(), location, env, known_hosts, timeout: None })
    }

    /// Gives each command this much time.
    pub(crate) fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The commit that `name` (checked before) names in the remote repository.
    pub(crate) async fn resolve(&self, name: &str) -> Result<String, ActionError> {
        let command = self.command(None, &["ls-remote", "--quiet", "--", &self.location.url]);
        let exit = self.run(command.args(patterns(name)).capture(1 << 20)).await?;
        let listing = String::from_utf8_lossy(&exit.stdout).into_owned();
        pick(name, &listing)?.ok_or_else(|| {
            ActionError::permanent(format!(
                "the repository {} has no branch or tag `{name}`",
                self.location.url
            ))
            .help("look whether it was renamed or deleted")
        })
    }

    /// Makes an empty bare repository, without templates, hooks or links to others.
    pub(crate) async fn init(&self, repo: &Path, commit: &str) -> Result<(), ActionError> {
        let format = if commit.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        let command = self.command(None, &["init", "--quiet", "--bare", "--template=", format, "--"]);
        self.run(command.arg(repo)).await?;
        let info = repo.join("info");
        std::fs::create_dir_all(&info).map_err(io_failed("create", &info))?;
        let attributes = info.join("attributes");
        std::fs::write(&attributes, ATTRIBUTES).map_err(io_failed("write", &attributes))
    }

    /// Brings exactly `want.commit` into `repo`: alone where the server allows it, else with its history.
    pub(crate) async fn fetch(&self, repo: &Path, want: &Want) -> Result<(), ActionError> {
        if self.has(repo, &want.commit).await? {
            return Ok(());
        }
        let exact = format!("+{}:{WANTED}", want.commit);
        let exit = self.try_fetch(repo, "--depth=1", &exact).await?;
        if !exit.success() {
            if !refuses_ids(&exit) {
                return Err(self.explain(&exit));
            }
            let spec = match &want.hint {
                Some(name) => format!("+{name}:{WANTED}"),
                None => "+refs/heads/*:refs/factory/heads/*".to_owned(),
            };
            // All history: the commit may lie anywhere below the ref.
            let exit = self.try_fetch(repo, "--depth=2147483647", &spec).await?;
            if !exit.success() && !refuses_ids(&exit) {
                return Err(self.explain(&exit));
            }
        }
        if self.has(repo, &want.commit).await? {
            return Ok(());
        }
        let commit = &want.commit;
        Err(ActionError::permanent(format!("the repository {} has no commit {commit}", self.location.url))
            .help("it may have been replaced by a forced push; start a run of a commit that is there"))
    }

    /// Runs a command on `repo` that only reads it, and gives what it printed, at most `limit` bytes.
    pub(crate) async fn read(
        &self,
        repo: &Path,
        args: &[&str],
        limit: usize,
    ) -> Result<Vec<u8>, ActionError> {
        Ok(self.tools.run(self.command(Some(repo), args).capture(limit), always_permanent).await?.stdout)
    }

    /// As [`Git::read`]; `None` when the command says no.
    pub(crate) async fn try_read(
        &self,
        repo: &Path,
        args: &[&str],
        limit: usize,
    ) -> Result<Option<Vec<u8>>, ActionError> {
        let exit = self.tools.run_any(self.command(Some(repo), args).capture(limit)).await?;
        Ok(exit.success().then_some(exit.stdout))
    }

    /// Whether `repo` holds the commit, and it is one.
    async fn has(&self, repo: &Path, commit: &str) -> Result<bool, ActionError> {
        let asked = ToolCommand {
            stdin: Some(format!("{commit}\n").into()),
            ..self.command(Some(repo), &["cat-file", "--batch-check"])
        };
        let exit = self.run(asked.capture(1 << 12)).await?;
        Ok(exit.stdout.starts_with(format!("{commit} commit ").as_bytes()))
    }

    async fn try_fetch(&self, repo: &Path, depth: &str, spec: &str) -> Result<ToolExit, ActionError> {
        let args =
            ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--update-shallow", depth, "--"];
        let command = self.command(Some(repo), &args).arg(&self.location.url).arg(spec);
        self.tools.run_any(command).await
    }

    async fn run(&self, command: ToolCommand) -> Result<ToolExit, ActionError> {
        let exit = self.tools.run_any(command).await?;
        if exit.success() { Ok(exit) } else { Err(self.explain(&exit)) }
    }

    /// A failure of Git, with the repository and what to do.
    fn explain(&self, exit: &ToolExit) -> ActionError {
        let class = classify(exit);
        let said = exit.stderr_tail.trim();
        let error = ActionError::new(class, format!("git failed for {}: {said}", self.location.url));
        match (class, self.location.transport) {
            (_, Transport::Ssh) if said.contains("Host key verification failed") => error.help(format!(
                "nobody vouches for this host: add its key to {} on the worker, or name a file that holds it as \
                 `steps.git_known_hosts`",
                self.known_hosts.display()
            )),
            _ if said.contains("The requested URL returned error: 30") => error.help(
                "redirects are not followed: give the URL that the host sends you to; often it ends in `.git`",
            ),
            (ErrorClass::Auth, Transport::Ssh) => {
                error.help("give a private key that the host knows as `credentials`")
            }
            (ErrorClass::Auth, _) => error.help("give a token that may read the repository as `credentials`"),
            (ErrorClass::Transient, _) => {
                error.help("look whether the host can be reached, or add a `retry`")
            }
            _ => error,
        }
    }

    fn command(&self, repo: Option<&Path>, args: &[&str]) -> ToolCommand {
        let mut command = ToolCommand::new("git", &self.scratch).args(args.iter().copied());
        command.env.clone_from(&self.env);
        command.timeout = self.timeout;
        // Without one, Git would look for a repository in the folders above.
        let repo = repo.map_or_else(|| "/nonexistent".into(), OsString::from);
        command.env("GIT_DIR", repo)
    }
}
