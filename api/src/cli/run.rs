//! `run FILE`: a workflow here and now, without a server, on the same engine.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clap::Args;
use engine_ports::Notice;
use engine_runtime::LogName;
use futures::StreamExt as _;
use lang::Workflow;
use tokio::sync::broadcast::Receiver;
use vocab::{Inputs, RunId, RunStatus, StepStatus};

use super::args::{ConfigArgs, TrustArg, pair};
use super::compile::compile;
use super::follow::{Snapshot, Tail, Watched, follow};
use super::repository::Repository;
use super::setup::Setup;
use super::{Failure, lint};
use crate::catalogue::catalogue;
use crate::factory::{Factory, NewStart};
use crate::model::{EffectView, EventView, PlanStepView, RunDetail, RunSummary, StepView};
use crate::serve::{Hangup, Signals};
use crate::ui::{Output, Ui};
use crate::wire::{Purpose, Wired};

/// Who started it, for the record.
const ACTOR: &str = "command line";
/// The longest time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Run a workflow here and now.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  image-factory run workflow.yaml\n  image-factory run workflow.yaml --input release=trixie --trust host\n  image-factory run workflow.yaml --data-dir /tmp/factory --output json > result.json\n\nExit codes: 0 the run succeeded, 1 it failed, 2 the file does not compile or its inputs do not fit."
)]
pub(super) struct Run {
    /// The workflow's file
    file: PathBuf,
    /// An input; lists and maps as JSON
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    inputs: Vec<(String, String)>,
    /// Allow steps that run on the host
    #[arg(long, value_enum)]
    trust: Option<TrustArg>,
    /// For people or for scripts
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(command: Run, setup: &Setup) -> Result<(), Failure> {
    let mut config = setup.resolve(&command.config.flags(&[]))?.config;
    setup.start_log(&config.log, true)?;
    let options = lint::options(config.limits.clone(), command.trust);
    let workflow = compile(&command.file, &options, &catalogue(), setup)?;
    let inputs = inputs(&workflow, &command.inputs)?;
    let repository = Repository::around(&command.file, setup.ui);
    if let Some(repository) = &repository {
        config.steps.git_roots.push(repository.top().to_owned());
    }
    // When its run has ended, this command waits for nobody else's.
    config.limits.drain_seconds = 0;
    let mut signals = Signals::listen(Hangup::End)?;
    let wired = Wired::open(config, &setup.environment, Purpose::Run).await?;
    let source = match repository {
        Some(repository) => repository.head(&*wired.tools, wired.folder().path(), setup.ui).await,
        None => None,
    };
    let trust_host = command.trust.is_some();
    let start = NewStart::manual(workflow, inputs, ACTOR);
    let start = match source {
        Some(source) => start.of_source(source, trust_host),
        None => start.trusted(trust_host),
    };
    let earlier = wired.factory.runs.unfinished().await.map_err(Failure::new)?;
    for run in &earlier {
        setup.ui.note(format!("run {run} of an earlier command in this data folder goes on"));
    }
    let ended = execute(&wired, start, &mut signals, setup.ui).await;
    for run in wired.factory.runs.unfinished().await.map_err(Failure::new)? {
        setup
            .ui
            .note(format!("run {run} of an earlier command is not finished: the next one goes on with it"));
    }
    wired.drain().await;
    wired.close().await;
    let detail = ended?;
    if command.output == Output::Json {
        setup.ui.json(&detail);
    } else {
        for (name, value) in &detail.run.outputs {
            setup.ui.line(format!("{name} = {value}"));
        }
    }
    if detail.run.status == RunStatus::Succeeded { Ok(()) } else { Err(Failure::said(1)) }
}

/// The inputs as the workflow types them; all that is wrong with them at once.
fn inputs(workflow: &Workflow, given: &[(String, String)]) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::new();
    let mut errors = Vec::new();
    for (name, text) in given {
        match workflow.read_input(name, text) {
            Ok(value) => {
                inputs.insert(name.clone(), value);
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    if errors.is_empty() {
        errors.extend(
            workflow.resolve_inputs(inputs.clone()).err().into_iter().flatten().map(|e| e.to_string()),
        );
    }
    if errors.is_empty() {
        return Ok(inputs);
    }
    let names: Vec<_> = workflow.inputs.keys().map(|name| format!("`{name}`")).collect();
    let help = if names.is_empty() {
        "it takes no inputs".to_owned()
    } else {
        format!("give inputs with --input NAME=VALUE; it takes {}", names.join(", "))
    };
    Err(Failure::usage(errors.join("\n")).help(help))
}

/// Starts the run and follows it. A signal cancels it: what it made is undone, then the command ends. A second
/// signal ends at once.
async fn execute(
    wired: &Wired,
    start: NewStart,
    signals: &mut Signals,
    ui: Ui,
) -> Result<RunDetail, Failure> {
    let factory = &wired.factory;
    // Subscribed before the start, so that nothing falls between.
    let news = factory.bus.subscribe();
    let run = factory.start(start).await?;
    let row = factory.runs.run_any_tenant(run).await.map_err(Failure::new)?;
    let row = row.ok_or_else(|| Failure::new(format!("run {run} is not in the store")))?;
    let plan = factory.plan_of(&row).await.map_err(Failure::new)?;
    let folder = wired.folder().path().to_owned();
    let mut local = LocalRun { factory: Arc::clone(factory), run, news, plan: plan.steps.into(), folder };
    let mut following = std::pin::pin!(follow(&mut local, ui));
    let standstill = std::pin::pin!(tell_standstill(factory, ui));
    let reason = tokio::select! {
        ended = &mut following => return ended,
        never = standstill => match never {},
        signal = signals.stop() => {
            ui.note(format!("{signal}: cancelling the run; what it made is undone (a second signal ends at once)"));
            "the command was interrupted"
        }
        step = asks(factory, run) => {
            ui.note(format!(
                "step `{step}` failed, and its workflow asks a person what follows (`on_failure: pause`); here is \
                 nobody to ask, so the run is cancelled and what it made is undone"
            ));
            "a step waited for a person, and `run` has nobody to ask"
        }
    };
    let reason = Some(reason.to_owned());
    // A run that ends in this moment cannot be cancelled any more, and is followed to its end all the same.
    if let Err(problem) = factory.cancel(&row, ACTOR, reason).await {
        tracing::debug!(detail = problem.detail, "the run was not cancelled");
    }
    tokio::select! {
        ended = following => ended,
        _ = signals.stop() => Err(Failure::new("ended at once; the next `run` with this data folder continues")),
    }
}

/// Says why nothing starts, each time that this changes.
async fn tell_standstill(factory: &Factory, ui: Ui) -> Infallible {
    let mut told = None;
    loop {
        let paused = factory.engine.status().slots.paused;
        if paused != told {
            match &paused {
                Some(reason) => ui.note(format!("nothing starts now: {reason}")),
                None => ui.note("steps start again"),
            }
            told = paused;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Returns when the run waits for a person, with the first step that does.
async fn asks(factory: &Factory, run: RunId) -> String {
    let mut news = factory.bus.subscribe();
    loop {
        let steps = factory.step_views(run).await.unwrap_or_default();
        if let Some(step) = steps.into_iter().find(|step| step.status == StepStatus::Paused) {
            return step.path;
        }
        // A notice that is missed is followed by another look soon.
        let mine = async { while news.recv().await.is_ok_and(|notice| notice.run != run) {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), mine).await;
    }
}

/// A log that is not read in this time is left out.
const LOG_PATIENCE: Duration = Duration::from_secs(20);

/// A run of this process.
struct LocalRun {
    factory: Arc<Factory>,
    run: RunId,
    news: Receiver<Notice>,
    plan: Arc<[PlanStepView]>,
    /// The data folder.
    folder: PathBuf,
}

impl LocalRun {
    /// The log of the newest attempt of a step that has one.
    async fn log_of(&self, step: &StepView) -> Option<LogName> {
        let path = step.path.parse().ok()?;
        let attempt = *self.factory.logs.attempts(self.run, &path).await.ok()?.last()?;
        Some(LogName::Attempt { run: self.run, path, attempt })
    }

    async fn read_tail(&self, log: LogName) -> Tail {
        let mut tail = Tail::default();
        let mut lines = std::pin::pin!(self.factory.logs.follow(log, 0));
        while let Some(Ok(line)) = lines.next().await {
            tail.push(&line.entry.text);
        }
        tail
    }
}

#[async_trait]
impl Watched for LocalRun {
    async fn snapshot(&mut self) -> Result<Snapshot, Failure> {
        let (factory, run) = (&self.factory, self.run);
        let row = factory.runs.run_any_tenant(run).await.map_err(Failure::new)?;
        let row = row.ok_or_else(|| Failure::new(format!("run {run} is not in the store")))?;
        let steps = factory.step_views(run).await.map_err(Failure::new)?;
        let effects = factory.runs.effects(run).await.map_err(Failure::new)?;
        let waits = factory.waits(std::slice::from_ref(&row)).await.map_err(Failure::new)?.remove(&run);
        let run = RunSummary { waits, ..RunSummary::new(row, None, factory.clock.now()) };
        let detail = RunDetail { run, steps };
        let effects = effects.into_iter().map(EffectView::from).collect();
        Ok(Snapshot { detail, effects, plan: Arc::clone(&self.plan) })
    }

    async fn news(&mut self) {
        let mine = async {
            loop {
                match self.news.recv().await {
                    Ok(notice) if notice.run != self.run => {}
                    Ok(_) | Err(_) => return,
                }
            }
        };
        // Progress within a step is no event: look now and then.
        let _ = tokio::time::timeout(LOOK_EVERY, mine).await;
    }

    async fn tail(&mut self, step: &StepView) -> Option<Tail> {
        tokio::time::timeout(LOG_PATIENCE, self.read_tail(self.log_of(step).await?)).await.ok()
    }

    async fn whole_log(&mut self, step: &StepView) -> String {
        let Some(log) = self.log_of(step).await else { return String::new() };
        let file = self.factory.logs.file(&log);
        if file.is_file() {
            return file.display().to_string();
        }
        // A run of many hours: what ended long ago is archived.
        let folder = self.folder.display();
        format!(
            "`image-factory runs logs {} '{}' --data-dir {folder}`, while `image-factory serve --data-dir {folder}` runs",
            self.run, step.path
        )
    }

    async fn events(&mut self, after: u64) -> Vec<EventView> {
        let events = self.factory.runs.events(self.run, after, 1000).await.unwrap_or_default();
        events.into_iter().map(EventView::from).collect()
    }

    fn undo(&self) -> String {
        let folder = self.folder.display();
        format!(
            "`image-factory runs undo {} --data-dir {folder}`, while `image-factory serve --data-dir {folder}` runs",
            self.run
        )
    }
}
