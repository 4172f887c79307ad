//! `runs pause|resume|resolve|bypass`: what a person decides about a run, and about a step that waits for them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value as Json;
use vocab::RunId;

use super::Failure;
use super::args::ServerArgs;
use super::runs::{Common, run_id, steer};
use super::setup::Setup;
use crate::model::{DecideRun, DecisionWord};
use crate::ui::Output;

/// Bytes of a file with outputs: the server takes no larger request.
const FILE: u64 = 256 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Hold a run: what is under way goes on, nothing new starts.
    #[command(
        after_help = "Example:\n  image-factory runs pause RUN --reason \"maintenance of the cluster\""
    )]
    Pause(Whole),
    /// Let a run go on that was held.
    #[command(after_help = "Example:\n  image-factory runs resume RUN --reason \"maintenance is over\"")]
    Resume(Whole),
    /// Say what follows a paused step: another try, going on without it, or failure.
    #[command(
        after_help = "Examples:\n  image-factory runs resolve RUN build retry --reason \"the mirror is back\"\n  image-factory runs resolve RUN 'scan[2]' skip --reason \"not shipped there\"\n  image-factory runs resolve RUN build give-up --reason \"not today\""
    )]
    Resolve {
        /// The run
        #[arg(value_parser = run_id)]
        run: RunId,
        /// The paused step instance, such as `build` or `build[2]`
        step: String,
        /// What follows
        #[arg(value_enum)]
        way: Way,
        #[command(flatten)]
        said: Said,
    },
    /// Supply the outputs of a paused step, as if it had succeeded. What its attempts made is undone.
    #[command(
        after_help = "Example:\n  image-factory runs bypass RUN scan --output found.json --reason \"by hand\"\n\nThe file is one JSON object: the outputs that the step's action declares;\n`image-factory actions show` lists them. An artifact is written as in\n`runs show --output json`, and is one that a step of this run made."
    )]
    Bypass {
        /// The run
        #[arg(value_parser = run_id)]
        run: RunId,
        /// The paused step instance, such as `build` or `build[2]`
        step: String,
        /// File with the outputs, one JSON object; `text` and `json` say how the answer is printed
        #[arg(long, value_name = "FILE", value_parser = target)]
        output: Vec<Target>,
        /// The same, for a file of any name
        #[arg(long, value_name = "FILE", conflicts_with = "output")]
        output_file: Option<PathBuf>,
        /// Why, for the record
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct Whole {
    /// The run
    #[arg(value_parser = run_id)]
    run: RunId,
    #[command(flatten)]
    said: Said,
}

#[derive(Debug, Args)]
pub(super) struct Said {
    /// Why, for the record
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Way {
    /// Try it again, with all its attempts
    Retry,
    /// Leave it out, and with it what needs nothing else
    Skip,
    /// It failed: what the run made is undone
    GiveUp,
}

/// What `--output` of a bypass names: the outputs that are supplied, or, as with every other command, the form of the
/// answer.
#[derive(Debug, Clone)]
pub(super) enum Target {
    File(PathBuf),
    Form(Output),
}

#[expect(clippy::unnecessary_wraps, reason = "the form that the parser of arguments asks for")]
fn target(text: &str) -> Result<Target, String> {
    Ok(Output::from_str(text, false).map_or_else(|_| Target::File(text.into()), Target::Form))
}

/// The one file, and the form of the answer.
fn targets(given: Vec<Target>, file: Option<PathBuf>) -> Result<(PathBuf, Output), Failure> {
    let (mut files, mut form) = (Vec::from_iter(file), Output::Text);
    for one in given {
        match one {
            Target::File(file) => files.push(file),
            Target::Form(named) => form = named,
        }
    }
    let wrong = |message: &str| {
        Failure::usage(message).help("name one file with `--output FILE`; it holds one JSON object")
    };
    match (files.pop(), files.is_empty()) {
        (Some(file), true) => Ok((file, form)),
        (Some(_), false) => Err(wrong("several files with outputs are named")),
        (None, _) => Err(wrong("no file with the outputs is named")),
    }
}

pub(super) async fn decide(command: Command, setup: &Setup) -> Result<(), Failure> {
    let (run, said, decision, step, outputs) = match command {
        Command::Pause(Whole { run, said }) => (run, said, DecisionWord::Pause, None, BTreeMap::new()),
        Command::Resume(Whole { run, said }) => (run, said, DecisionWord::Resume, None, BTreeMap::new()),
        Command::Resolve { run, step, way, said } => {
            let decision = match way {
                Way::Retry => DecisionWord::Retry,
                Way::Skip => DecisionWord::Skip,
                Way::GiveUp => DecisionWord::GiveUp,
            };
            (run, said, decision, Some(step), BTreeMap::new())
        }
        Command::Bypass { run, step, output, output_file, reason, server } => {
            let (file, output) = targets(output, output_file)?;
            let said = Said { reason, common: Common { output, server } };
            (run, said, DecisionWord::Bypass, Some(step), read(&file)?)
        }
    };
    let body = DecideRun { decision, step, outputs, reason: said.reason };
    steer(&said.common, setup, &format!("/api/v1/runs/{run}/decisions"), &body).await
}

/// The outputs that a file holds.
fn read(file: &PathBuf) -> Result<BTreeMap<String, Json>, Failure> {
    let unreadable = |problem: &dyn std::fmt::Display| {
        Failure::new(format!("the outputs in `{}` cannot be read: {problem}", file.display()))
            .help("it holds one JSON object, such as {\"critical\": 0}")
    };
    let size = std::fs::metadata(file).map_err(|error| unreadable(&error))?.len();
    if size > FILE {
        return Err(unreadable(&format!("it has {size} bytes, more than {FILE}")));
    }
    let text = std::fs::read(file).map_err(|error| unreadable(&error))?;
    serde_json::from_slice(&text).map_err(|error| unreadable(&error))
}
