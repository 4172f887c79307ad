//! `actions list|show`: what `uses:` can name.

use clap::{Args, Subcommand};
use serde_json::Value as Json;
use vocab::ActionRef;

use super::Failure;
use super::setup::Setup;
use crate::catalogue::catalogue;
use crate::model::ActionView;
use crate::ui::{Output, Tone};

/// Look at the actions.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  image-factory actions list\n  image-factory actions show container/buildah@v1"
)]
pub(super) struct Actions {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all actions.
    #[command(
        after_help = "Examples:\n  image-factory actions list\n  image-factory actions list --output json"
    )]
    List {
        /// For people or for scripts
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
    /// Show one action: inputs, outputs, effects, an example.
    #[command(after_help = "Example:\n  image-factory actions show container/buildah@v1")]
    Show {
        /// The action; without a version, the newest
        action: String,
        /// For people or for scripts
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
}

pub(super) fn actions(command: &Actions, setup: &Setup) -> Result<(), Failure> {
    let catalogue = catalogue();
    match &command.command {
        Command::List { output: Output::Json } => {
            setup.ui.json(&catalogue.iter().map(ActionView::from).collect::<Vec<_>>());
        }
        Command::List { output: Output::Text } => {
            let mut rows =
                vec![["ACTION", "ISOLATION", "CACHED", "UNDOES", "SUMMARY"].map(str::to_owned).to_vec()];
            rows.extend(catalogue.iter().map(ActionView::from).map(|action| {
                let word = |flag| if flag { "yes" } else { "-" }.to_owned();
                vec![
                    format!("{}@{}", action.name, action.version),
                    action.isolation,
                    word(action.cacheable),
                    word(action.compensates),
                    action.summary,
                ]
            }));
            setup.ui.table(&rows);
        }
        Command::Show { action, output } => {
            let found = match action.parse::<ActionRef>() {
                Ok(exact) => catalogue.get(&exact),
                Err(_) => catalogue.iter().filter(|manifest| *manifest.action.name == **action).last(),
            };
            let manifest = found.ok_or_else(|| {
                Failure::usage(format!("there is no action `{action}`"))
                    .help("`image-factory actions list` lists them")
            })?;
            let view = ActionView::from(manifest);
            if *output == Output::Json { setup.ui.json(&view) } else { show(&view, setup) }
        }
    }
    Ok(())
}

fn show(action: &ActionView, setup: &Setup) {
    let ui = setup.ui;
    ui.line(ui.paint(Tone::Strong, format!("{}@{}", action.name, action.version)));
    ui.line(format!("{}\n\n{}", action.summary, action.doc.trim()));
    for (title, schema) in [("Inputs", &action.inputs), ("Outputs", &action.outputs)] {
        ui.line(format!("\n{}", ui.paint(Tone::Strong, title)));
        let required: Vec<_> =
            schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        for (name, port) in schema["properties"].as_object().into_iter().flatten() {
            let ty = port["type"].as_str().or_else(|| port["properties"]["$artifact"]["const"].as_str());
            let mut facts = vec![ty.unwrap_or("any").to_owned()];
            if title == "Inputs" && required.contains(&name.as_str()) {
                facts.push("required".to_owned());
            }
            if let Some(default) = port.get("default") {
                facts.push(format!("default {default}"));
            }
            ui.line(format!(
                "  {name} ({})  {}",
                facts.join(", "),
                port["description"].as_str().unwrap_or("")
            ));
        }
    }
    if !action.effects.is_empty() {
        ui.line(format!("\n{}", ui.paint(Tone::Strong, "Effects")));
        for effect in &action.effects {
            let text = |key: &str| effect[key].as_str().unwrap_or_default().to_owned();
            ui.line(format!("  {}  {}", text("name"), text("doc")));
        }
    }
    let tools: Vec<_> = action.tools.iter().filter_map(|tool| tool["program"].as_str()).collect();
    ui.line(format!("\nisolation: {}", action.isolation));
    ui.line(format!("tools: {}", if tools.is_empty() { "none".to_owned() } else { tools.join(", ") }));
    ui.line(format!("\n{}\n{}", ui.paint(Tone::Strong, "Example"), action.example.trim_end()));
}
