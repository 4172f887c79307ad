//! `plan FILE` and `graph FILE`: what would run, in which order.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::args::{ConfigArgs, TrustArg};
use super::compile::compile;
use super::setup::Setup;
use super::{Failure, lint};
use crate::catalogue::catalogue;
use crate::model::PlanAnswer;
use crate::ui::{Output, Tone};

/// Show the steps of a workflow.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  image-factory plan .image-factory/debian.yaml")]
pub(super) struct Plan {
    /// The workflow's file
    file: PathBuf,
    /// Allow steps that run on the host
    #[arg(long, value_enum)]
    trust: Option<TrustArg>,
    /// For people or for scripts
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Draw the graph of a workflow.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  image-factory graph workflow.yaml\n  image-factory graph --format dot workflow.yaml | dot -Tsvg > graph.svg"
)]
pub(super) struct Graph {
    /// The workflow's file
    file: PathBuf,
    /// Allow steps that run on the host
    #[arg(long, value_enum)]
    trust: Option<TrustArg>,
    /// The language of the drawing
    #[arg(long, value_enum, default_value = "mermaid")]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Mermaid,
    Dot,
}

pub(super) fn plan(command: &Plan, setup: &Setup) -> Result<(), Failure> {
    let plan = planned(&command.file, command.trust, &command.config, setup)?;
    if command.output == Output::Json {
        setup.ui.json(&plan);
        return Ok(());
    }
    setup.ui.line(setup.ui.paint(Tone::Strong, format!("{} ({} steps)", plan.workflow, plan.steps.len())));
    let mut rows = vec![["STEP", "USES", "NEEDS", "ISOLATION"].map(str::to_owned).to_vec()];
    rows.extend(plan.steps.iter().map(|step| {
        let marks = match (step.finally, step.pivot) {
            (true, _) => " (finally)",
            (_, true) => " (pivot)",
            _ => "",
        };
        let indent = "  ".repeat(step.depth as usize);
        let needs = if step.needs.is_empty() { "-".to_owned() } else { step.needs.join(", ") };
        vec![format!("{indent}{}{marks}", step.name), step.uses.clone(), needs, step.isolation.clone()]
    }));
    setup.ui.table(&rows);
    Ok(())
}

pub(super) fn graph(command: &Graph, setup: &Setup) -> Result<(), Failure> {
    let plan = planned(&command.file, command.trust, &command.config, setup)?;
    let drawing = if command.format == Format::Dot { plan.dot } else { plan.mermaid };
    setup.ui.line(drawing.trim_end());
    Ok(())
}

fn planned(
    file: &Path,
    trust: Option<TrustArg>,
    config: &ConfigArgs,
    setup: &Setup,
) -> Result<PlanAnswer, Failure> {
    let catalogue = catalogue();
    let options = lint::options(setup.limits(&config.flags(&[]))?, trust);
    let workflow = compile(file, &options, &catalogue, setup)?;
    PlanAnswer::of(&workflow, &catalogue).map_err(Failure::new)
}
