//! `doctor`: what this machine has, and what the actions need of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use engine_ports::{ToolCommand, ToolRunner};
use engine_runtime::SpaceWatch;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::args::ConfigArgs;
use super::quiet_log::QuietLog;
use super::setup::Setup;
use crate::catalogue::catalogue;
use crate::config::Config;
use crate::data::{DataError, DataFolder, FolderLock};
use crate::ui::{Output, Tone};
use crate::wire::open_tools;

/// Time for a program to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// Look at this machine.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  image-factory doctor\n  image-factory doctor --online --output json\n  image-factory doctor --strict\n\nExit codes: 0; with --strict 1 when something is missing."
)]
pub(super) struct Doctor {
    /// Also try to reach the configured mirrors
    #[arg(long)]
    online: bool,
    /// Fail when a tool is missing or something about the machine is a problem
    #[arg(long)]
    strict: bool,
    /// For people or for scripts
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    config: ConfigArgs,
}

/// A program, and who needs it.
#[derive(Debug, Serialize)]
struct Tool {
    program: String,
    package: String,
    found: Option<String>,
    version: Option<String>,
    needed_by: Vec<String>,
}

/// Something about the machine.
#[derive(Debug, Serialize)]
struct Fact {
    name: String,
    ok: bool,
    text: String,
}

#[derive(Debug, Serialize)]
struct Report {
    tools: Vec<Tool>,
    facts: Vec<Fact>,
}

impl Report {
    /// Whether nothing is missing.
    fn is_whole(&self) -> bool {
        self.tools.iter().all(|tool| tool.found.is_some()) && self.facts.iter().all(|fact| fact.ok)
    }
}

pub(super) async fn doctor(command: &Doctor, setup: &Setup) -> Result<(), Failure> {
    let config = setup.resolve(&command.config.flags(&[]))?.config;
    // A folder of its own: looking at a machine must not make a data folder on it.
    let scratch =
        tempfile::tempdir().map_err(|error| Failure::new(format!("no folder can be made: {error}")))?;
    let folder = DataFolder::open(scratch.path())?;
    let runner = open_tools(&folder, &config.limits, &setup.environment)?;
    let mut facts = vec![data_folder(&config)];
    facts.extend(isolation());
    if command.online {
        facts.extend(mirrors(&config).await);
    }
    let report = Report { tools: tools(&runner, folder.path()).await, facts };
    match command.output {
        Output::Json => setup.ui.json(&report),
        Output::Text => show(&report, setup),
    }
    if command.strict && !report.is_whole() { Err(Failure::said(1)) } else { Ok(()) }
}

async fn tools(runner: &dyn ToolRunner, folder: &Path) -> Vec<Tool> {
    let catalogue = catalogue();
    let mut needs: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for manifest in catalogue.iter() {
        for tool in &manifest.tools {
            let key = (tool.program.clone(), tool.package.clone());
            needs.entry(key).or_default().push(manifest.action.to_string());
        }
    }
    // Git starts it by itself, for repositories behind `ssh://`.
    let by_git = ("ssh".to_owned(), "openssh-client".to_owned());
    needs.entry(by_git).or_default().push("git/fetch@v1 of `ssh://` repositories".to_owned());
    let mut tools = Vec::new();
    for ((program, package), needed_by) in needs {
        let found = runner.find(&program);
        let version = if found.is_some() { version(runner, &program, folder).await } else { None };
        let found = found.map(|path| path.to_string_lossy().into_owned());
        tools.push(Tool { program, package, found, version, needed_by });
    }
    tools
}

async fn version(runner: &dyn ToolRunner, program: &str, folder: &Path) -> Option<String> {
    let flag = if program == "ssh" { "-V" } else { "--version" };
    let mut command = ToolCommand::new(program, folder).arg(flag).capture(64 * 1024);
    command.timeout = Some(PATIENCE);
    let exit = runner.run(command, &QuietLog, &CancellationToken::new()).await.ok()?;
    let text = String::from_utf8_lossy(&exit.stdout).into_owned();
    let line = text.lines().chain(exit.stderr_tail.lines()).find(|line| !line.trim().is_empty())?;
    exit.success().then(|| line.trim().chars().take(80).collect())
}

fn data_folder(config: &Config) -> Fact {
    let path = &config.data_dir;
    let name = "data folder".to_owned();
    let looked = match DataFolder::existing(path) {
        Ok(Some(folder)) => FolderLock::look(&folder),
        Ok(None) => {
            let text = format!("{} is not there yet; the first start makes it", path.display());
            return Fact { name, ok: true, text };
        }
        Err(error) => Err(error),
    };
    let clock = engine_runtime::SystemClock::new();
    let in_use = match looked {
        Ok(()) => "nobody works in it".to_owned(),
        Err(error @ DataError::InUse { .. }) => error.to_string(),
        Err(error) => return Fact { name, ok: false, text: error.to_string() },
    };
    match SpaceWatch::new(path, &config.limits).check(&clock) {
        None => Fact { name, ok: true, text: format!("{}: {in_use}", path.display()) },
        Some(reason) => Fact { name, ok: false, text: format!("{}: {in_use}; {reason}", path.display()) },
    }
}

/// What decides whether a tenant's code can be kept from the host.
fn isolation() -> Vec<Fact> {
    let fact = |name: &str, ok, text: &str| Fact { name: name.to_owned(), ok, text: text.to_owned() };
    let is = |path: &str| Path::new(path).exists();
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cgroups = if is("/sys/fs/cgroup/cgroup.controllers") {
        fact("cgroups", true, "version 2")
    } else if is("/sys/fs/cgroup/unified") {
        fact(
            "cgroups",
            true,
            "version 1 with a version 2 tree beside it (hybrid); crun refuses it, runc works",
        )
    } else if is("/sys/fs/cgroup/memory") {
        fact("cgroups", true, "version 1")
    } else {
        fact("cgroups", false, "none; containers cannot be bounded")
    };
    let root = nix::unistd::geteuid().is_root();
    let namespaces = read("/proc/sys/user/max_user_namespaces");
    let allowed = read("/proc/sys/kernel/unprivileged_userns_clone") != "0";
    let user_namespaces = namespaces.parse::<u64>().is_ok_and(|most| most > 0) && (root || allowed);
    vec![
        cgroups,
        fact(
            "user namespaces",
            user_namespaces || root,
            if user_namespaces { "can be made" } else { "cannot be made; containers need root" },
        ),
        fact("user", true, if root { "root" } else { "not root: devices and owners of files are left out" }),
    ]
}

/// Whether the configured mirrors answer.
async fn mirrors(config: &Config) -> Vec<Fact> {
    let mirrors = &config.steps.mirrors;
    let named = [("apt mirror", &mirrors.apt), ("pypi mirror", &mirrors.pypi), ("npm mirror", &mirrors.npm)];
    let mut facts = Vec::new();
    for (name, url) in named {
        let Some(url) = url else { continue };
        let (ok, text) = match super::client::reach(url, config.steps.ca_bundle.as_deref()).await {
            Ok(status) => (true, format!("{url} answers {status}")),
            Err(reason) => (false, format!("{url} cannot be reached: {reason}")),
        };
        facts.push(Fact { name: name.to_owned(), ok, text: crate::config::hide_credentials(&text) });
    }
    facts
}

fn show(report: &Report, setup: &Setup) {
    let ui = setup.ui;
    let mark = |ok: bool| if ok { ui.paint(Tone::Good, "ok     ") } else { ui.paint(Tone::Bad, "missing") };
    ui.line(ui.paint(Tone::Strong, "Tools"));
    for tool in &report.tools {
        let rest = match (&tool.found, &tool.version) {
            (Some(path), Some(version)) => format!("{version} ({path})"),
            (Some(path), None) => path.clone(),
            (None, _) => format!("install it with `apt-get install {}`", tool.package),
        };
        ui.line(format!("  {} {:<14} {rest}", mark(tool.found.is_some()), tool.program));
        ui.line(ui.paint(Tone::Quiet, format!("          needed by {}", tool.needed_by.join(", "))));
    }
    ui.line(format!("\n{}", ui.paint(Tone::Strong, "Machine")));
    for fact in &report.facts {
        let mark = if fact.ok { ui.paint(Tone::Good, "ok     ") } else { ui.paint(Tone::Bad, "problem") };
        ui.line(format!("  {mark} {:<16} {}", fact.name, fact.text));
    }
    let missing = report.tools.iter().filter(|tool| tool.found.is_none()).count();
    if missing > 0 {
        ui.note(format!("{missing} tool(s) missing: only the actions that need them are affected"));
    }
}
