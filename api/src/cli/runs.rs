//! `runs …`: look at runs of a server, and steer them.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value as Json;
use vocab::{RunId, RunStatus};

use super::args::{ServerArgs, pair};
use super::client::{Server, escape};
use super::follow::{RemoteRun, aftermath, follow};
use super::setup::Setup;
use super::{Failure, decide, diff};
use crate::model::{CancelRun, EffectView, NewRunBody, RetryRun, RunDetail, RunPage, RunSummary};
use crate::ui::{Output, Tone, took};

/// Look at runs, and steer them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  image-factory runs list\n  image-factory runs start debian\n  image-factory runs follow RUN"
)]
pub(super) struct Runs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List runs, newest first.
    #[command(
        after_help = "Examples:\n  image-factory runs list\n  image-factory runs list --project debian --status failed --output json"
    )]
    List {
        /// Only those of this project
        #[arg(long)]
        project: Option<String>,
        /// Only those with this status
        #[arg(long, value_parser = run_status())]
        status: Option<RunStatus>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(flatten)]
        common: Common,
    },
    /// Show a run with its steps and effects.
    #[command(after_help = "Example:\n  image-factory runs show 0197a8c2-0000-7000-8000-000000000000")]
    Show {
        /// The run
        #[arg(value_parser = run_id)]
        run: RunId,
        #[command(flatten)]
        common: Common,
    },
    /// Show what differs between two runs, and why a step of B was not served from the cache.
    #[command(
        after_help = "Examples:\n  image-factory runs diff LAST_GREEN_RUN THIS_RUN\n  image-factory runs diff A B --output json\n\nA is mostly the older run. Values are cut in the text; the JSON has all of them."
    )]
    Diff {
        /// The run to compare with
        #[arg(value_parser = run_id)]
        a: RunId,
        /// The run that is asked about
        #[arg(value_parser = run_id)]
        b: RunId,
        #[command(flatten)]
        common: Common,
    },
    /// Print the log of a step.
    #[command(
        after_help = "Examples:\n  image-factory runs logs RUN build\n  image-factory runs logs RUN build --follow"
    )]
    Logs {
        /// The run
        #[arg(value_parser = run_id)]
        run: RunId,
        /// The step instance, such as `build` or `build[2]`
        step: String,
        /// The attempt [default: the newest]
        #[arg(long)]
        attempt: Option<u32>,
        /// Go on until the attempt ends
        #[arg(long, short)]
        follow: bool,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Follow a run until it ends. Exit code 0 when it succeeded, else 1.
    #[command(after_help = "Example:\n  image-factory runs follow RUN")]
    Follow {
        /// The run
        #[arg(value_parser = run_id)]
        run: RunId,
        #[command(flatten)]
        common: Common,
    },
    /// Cancel a run: what it made is undone.
    #[command(after_help = "Example:\n  image-factory runs cancel RUN --reason \"wrong branch\"")]
    Cancel {
        /// The run
        #[arg(value_parser = run_id)]
        run: RunId,
        /// Why, for the record
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Run it again: the same workflow, commit and inputs, as a new run. All of it, or only a part: then the outputs of
    /// the other steps are taken over.
    #[command(
        after_help = "Examples:\n  image-factory runs retry RUN\n  image-factory runs retry RUN --failed\n  image-factory runs retry RUN --from scan\n\nA step whose effects were undone runs again in any case, and so does one that\nasks people."
    )]
    Retry {
        /// The run
        #[arg(value_parser = run_id)]
        run: RunId,
        /// Only what did not succeed, and what depends on it
        #[arg(long, conflicts_with = "from")]
        failed: bool,
        /// Only this step (`build`, `build[2]`) and what depends on it
        #[arg(long, value_name = "STEP")]
        from: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    #[command(flatten)]
    Decide(decide::Command),
    /// Try once more to undo what could not be undone.
    #[command(after_help = "Example:\n  image-factory runs undo RUN")]
    Undo {
        /// The run
        #[arg(value_parser = run_id)]
        run: RunId,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Start a run of a project's workflow.
    #[command(
        after_help = "Example:\n  image-factory runs start debian --workflow golden-debian --ref main --input release=trixie"
    )]
    Start {
        /// The project
        project: String,
        /// Name or file of the workflow, where the commit holds several
        #[arg(long)]
        workflow: Option<String>,
        /// The ref or commit [default: HEAD of the repository]
        #[arg(long = "ref")]
        git_ref: Option<String>,
        /// An input; JSON, or a text
        #[arg(long = "input", value_name = "NAME=VALUE", value_parser = pair)]
        inputs: Vec<(String, String)>,
        #[command(flatten)]
        common: Common,
    },
}

/// Reads the status of a run; the help and a misspelling list what there is.
fn run_status() -> impl TypedValueParser<Value = RunStatus> {
    PossibleValuesParser::new(RunStatus::ALL.iter().map(|status| status.name()))
        .try_map(|word| word.parse::<RunStatus>())
}

/// Reads the id of a run.
pub(super) fn run_id(text: &str) -> Result<RunId, String> {
    text.parse().map_err(|_| format!("`{text}` is no run id; `image-factory runs list` shows them"))
}

#[derive(Debug, Args)]
pub(super) struct Common {
    /// For people or for scripts
    #[arg(long, value_enum, default_value = "text")]
    pub(super) output: Output,
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

pub(super) async fn runs(command: Runs, setup: &Setup) -> Result<(), Failure> {
    match command.command {
        Command::List { project, status, limit, common } => {
            list(project, status, limit, &common, setup).await
        }
        Command::Show { run, common } => show(run, &common, setup).await,
        Command::Diff { a, b, common } => diff::diff(a, b, &common, setup).await,
        Command::Logs { run, step, attempt, follow, server } => {
            let server = Server::find(&server, setup)?;
            let attempt = attempt.map(|attempt| format!("&attempt={attempt}")).unwrap_or_default();
            let step = escape(&step);
            let path = format!("/api/v1/runs/{run}/logs?step={step}&follow={follow}{attempt}");
            let mut log = server.stream(&path).await?;
            while let Some(chunk) =
                log.chunk().await.map_err(|error| Failure::new(format!("the log broke off: {error}")))?
            {
                setup.ui.raw(&chunk);
            }
            Ok(())
        }
        Command::Follow { run, common } => {
            let server = Server::find(&common.server, setup)?;
            let ended = follow(&mut RemoteRun::new(&server, run).await?, setup.ui).await?;
            if common.output == Output::Json {
                setup.ui.json(&ended);
            }
            if ended.run.status == RunStatus::Succeeded { Ok(()) } else { Err(Failure::said(1)) }
        }
        Command::Cancel { run, reason, common } => {
            steer(&common, setup, &format!("/api/v1/runs/{run}/cancel"), &CancelRun { reason }).await
        }
        Command::Retry { run, failed, from, common } => {
            let body = RetryRun { failed, from };
            steer(&common, setup, &format!("/api/v1/runs/{run}/retry"), &body).await
        }
        Command::Decide(command) => decide::decide(command, setup).await,
        Command::Undo { run, server } => {
            let server = Server::find(&server, setup)?;
            let path = format!("/api/v1/runs/{run}/undo");
            let answer: Json = server.send(Method::POST, &path, &Json::Null).await?;
            setup.ui.line(format!("{} effect(s) are tried again", answer["effects"]));
            Ok(())
        }
        Command::Start { project, workflow, git_ref, inputs, common } => {
            // A value that reads as JSON is one; anything else is a text.
            let value = |text: String| serde_json::from_str(&text).unwrap_or(Json::String(text));
            let inputs = inputs.into_iter().map(|(name, text)| (name, value(text))).collect();
            let grant = format!(
                "an operator lets its workflows run on the host with `image-factory projects update {project} --trust host`"
            );
            let body = NewRunBody { project: Some(project), workflow, git_ref, text: None, inputs };
            steer(&common, setup, "/api/v1/runs", &body)
                .await
                .map_err(|failure| if failure.lacks_trust() { failure.help(grant) } else { failure })
        }
    }
}

/// Posts something that answers with a run.
pub(super) async fn steer(
    common: &Common,
    setup: &Setup,
    path: &str,
    body: &impl serde::Serialize,
) -> Result<(), Failure> {
    let server = Server::find(&common.server, setup)?;
    let detail: RunDetail = server.send(Method::POST, path, body).await?;
    if common.output == Output::Json {
        setup.ui.json(&detail);
    } else {
        setup.ui.line(format!("{}  {}  {}", detail.run.id, detail.run.workflow, detail.run.status));
        if let Some(waits) = &detail.run.waits {
            setup.ui.note(format!("it {}", waits.message));
        }
        setup.ui.note(format!("follow it with `image-factory runs follow {}`", detail.run.id));
    }
    Ok(())
}

async fn list(
    project: Option<String>,
    status: Option<RunStatus>,
    limit: u32,
    common: &Common,
    setup: &Setup,
) -> Result<(), Failure> {
    let server = Server::find(&common.server, setup)?;
    let project = project.map(|name| format!("&project={}", escape(&name))).unwrap_or_default();
    let status = status.map(|status| format!("&status={status}")).unwrap_or_default();
    let mut runs = Vec::new();
    let mut before = String::new();
    while runs.len() < limit as usize {
        let part = (limit as usize - runs.len()).min(100);
        let page: RunPage =
            server.get(&format!("/api/v1/runs?limit={part}{project}{status}{before}")).await?;
        runs.extend(page.runs);
        match page.next {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    if common.output == Output::Json {
        setup.ui.json(&runs);
        return Ok(());
    }
    let mut rows =
        vec![["RUN", "WORKFLOW", "PROJECT", "STATUS", "TOOK", "STARTED"].map(str::to_owned).to_vec()];
    rows.extend(runs.into_iter().map(|run| {
        let status = whereabouts(&run);
        vec![
            run.id.to_string(),
            run.workflow,
            run.project.unwrap_or_else(|| "-".to_owned()),
            status,
            took(run.duration_ms),
            run.created_at,
        ]
    }));
    setup.ui.table(&rows);
    Ok(())
}

/// Where a run is; of one that waits for another, behind which.
fn whereabouts(run: &RunSummary) -> String {
    match run.waits.as_ref().map(|waits| waits.behind) {
        Some(Some(behind)) => format!("{} behind {behind}", run.status),
        Some(None) => format!("{} for room", run.status),
        None => run.status.to_string(),
    }
}

async fn show(run: RunId, common: &Common, setup: &Setup) -> Result<(), Failure> {
    let server = Server::find(&common.server, setup)?;
    let detail: RunDetail = server.get(&format!("/api/v1/runs/{run}")).await?;
    let effects: Vec<EffectView> = server.get(&format!("/api/v1/runs/{run}/effects")).await?;
    if common.output == Output::Json {
        setup.ui.json(&serde_json::json!({ "run": detail.run, "steps": detail.steps, "effects": effects }));
        return Ok(());
    }
    let left = aftermath(&mut RemoteRun::at_rest(&server, run), &detail, &effects).await;
    let ui = setup.ui;
    ui.line(ui.paint(Tone::Strong, format!("{}  {}", detail.run.workflow, detail.run.id)));
    ui.line(format!("  status        {} ({})", detail.run.status, took(detail.run.duration_ms)));
    if let Some(waits) = &detail.run.waits {
        ui.line(format!("                {}", waits.message));
    }
    if let Some(group) = &detail.run.group {
        ui.line(format!("  group         {group}"));
    }
    ui.line(format!("  compensation  {}", detail.run.compensation));
    if let Some(error) = &detail.run.error {
        ui.line(format!("  error         {error}"));
    }
    for (name, key) in [("trigger", "kind"), ("actor", "actor"), ("ref", "ref"), ("commit", "commit")] {
        if let Some(text) = detail.run.trigger[key].as_str() {
            ui.line(format!("  {name:<12}  {text}"));
        }
    }
    if let Some(run) = detail.run.trigger["retry_of"].as_str() {
        ui.line(format!("  retry of      {run}"));
    }
    for (name, value) in &detail.run.outputs {
        ui.line(format!("  output        {name} = {value}"));
    }
    let mut rows = vec![["STEP", "STATUS", "ATTEMPTS", "TOOK", "ACTION", ""].map(str::to_owned).to_vec()];
    rows.extend(detail.steps.into_iter().map(|step| {
        let note = match (&step.error, step.origin()) {
            (Some(error), _) => error["message"].as_str().unwrap_or_default().to_owned(),
            (None, origin) => origin.unwrap_or_default(),
        };
        vec![
            step.path,
            step.status.to_string(),
            step.attempts.to_string(),
            took(step.duration_ms),
            step.action,
            note,
        ]
    }));
    ui.line("");
    ui.table(&rows);
    if !effects.is_empty() {
        let mut rows = vec![["EFFECT", "STATE", "ACTION"].map(str::to_owned).to_vec()];
        rows.extend(effects.into_iter().map(|effect| {
            vec![format!("{}/{}", effect.step, effect.name), effect.state.to_string(), effect.action]
        }));
        ui.line("");
        ui.table(&rows);
    }
    for text in left {
        ui.line(format!("\n{text}"));
    }
    Ok(())
}
