//! `admin`: what an operator does with a data folder that no server uses meanwhile.

use std::sync::Arc;

use clap::{Args, Subcommand};
use engine_ports::RunStore;
use engine_runtime::{Difference, rebuild};
use serde::Serialize;
use vocab::RunId;

use super::Failure;
use super::args::ConfigArgs;
use super::setup::Setup;
use crate::ground::Ground;
use crate::ui::{Output, Ui};

/// Runs that are listed at once.
const PAGE: u32 = 1000;

/// Look after a data folder while no server uses it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  image-factory admin rebuild --check --data-dir ./data")]
pub(super) struct Admin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the rows of runs, steps and effects again from the events, and say what differed.
    #[command(
        after_help = "Examples:\n  image-factory admin rebuild --check\n  image-factory admin rebuild --data-dir /srv/factory --output json\n\nExit codes: 0 when nothing differs or all of it was mended; 1 when something differs under --check, or a history cannot be read."
    )]
    Rebuild {
        /// Only compare: nothing is written
        #[arg(long)]
        check: bool,
        /// For people or for scripts
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// What a rebuild found.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Runs that were compared.
    runs: u64,
    /// Whether differences were mended.
    mended: bool,
    differences: Vec<Found>,
    /// Runs whose history cannot be read, and why. Their rows are as they were.
    unreadable: Vec<Unreadable>,
}

#[derive(Debug, Serialize)]
struct Found {
    run: RunId,
    #[serde(flatten)]
    difference: Difference,
}

#[derive(Debug, Serialize)]
struct Unreadable {
    run: RunId,
    reason: String,
}

pub(super) async fn admin(command: &Admin, setup: &Setup) -> Result<(), Failure> {
    let Command::Rebuild { check, output, config } = &command.command;
    let config = setup.resolve(&config.flags(&[]))?.config;
    let ground = Ground::open(&config, "admin rebuild").await?;
    let report = compare(&ground.runs, !check, setup.ui).await;
    ground.close().await;
    let report = report?;
    match output {
        Output::Json => setup.ui.json(&report),
        Output::Text => tell(&report, setup.ui),
    }
    let differs = *check && !report.differences.is_empty();
    if differs || !report.unreadable.is_empty() { Err(Failure::said(1)) } else { Ok(()) }
}

async fn compare(runs: &Arc<dyn RunStore>, mend: bool, ui: Ui) -> Result<Report, Failure> {
    let mut report = Report { mended: mend, ..Report::default() };
    let mut after = None;
    loop {
        let page = runs.run_ids(after, PAGE).await.map_err(Failure::new)?;
        let Some(last) = page.last().copied() else { return Ok(report) };
        for run in page {
            report.runs += 1;
            match rebuild(runs, run, mend).await {
                Ok(found) => {
                    report.differences.extend(found.into_iter().map(|difference| Found { run, difference }));
                }
                Err(error) => report.unreadable.push(Unreadable { run, reason: error.to_string() }),
            }
        }
        ui.note(format!("{} runs", report.runs));
        after = Some(last);
    }
}

fn tell(report: &Report, ui: Ui) {
    for Found { run, difference: Difference { row, field, found, expected } } in &report.differences {
        ui.line(format!("run {run}: {row}: {field} is {found}; its events say {expected}"));
    }
    for Unreadable { run, reason } in &report.unreadable {
        ui.line(format!("run {run} cannot be read: {reason}"));
    }
    let count = report.differences.len();
    ui.line(match (count, report.mended) {
        (0, _) => format!("the rows of {} runs are what their events say", report.runs),
        (_, true) => format!("{count} difference(s) in {} runs, mended", report.runs),
        (_, false) => {
            format!("{count} difference(s) in {} runs; without --check they are mended", report.runs)
        }
    });
}
