//! `config show`: every setting with its value and origin.

use clap::{Args, Subcommand};
use serde_json::Value as Json;

use super::Failure;
use super::args::ConfigArgs;
use super::setup::Setup;
use crate::ui::Output;

/// Look at the configuration.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  image-factory config show --redacted\n  image-factory config reference")]
pub(super) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print every setting with its value and where it comes from.
    #[command(
        after_help = "Examples:\n  image-factory config show --redacted\n  image-factory config show --data-dir /srv/factory --output json"
    )]
    Show {
        /// Hide credentials in URLs
        #[arg(long)]
        redacted: bool,
        /// For people or for scripts
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Print the reference of all settings, in Markdown.
    #[command(after_help = "Example:\n  image-factory config reference > docs/reference/configuration.md")]
    Reference,
}

pub(super) fn config(command: &Config, setup: &Setup) -> Result<(), Failure> {
    match &command.command {
        Command::Show { redacted, output, config } => {
            let shown = setup.resolve(&config.flags(&[]))?.show(*redacted);
            if *output == Output::Json {
                setup.ui.json(&shown);
                return Ok(());
            }
            let mut rows = vec![vec!["KEY".to_owned(), "VALUE".to_owned(), "ORIGIN".to_owned()]];
            rows.extend(shown.into_iter().map(|row| {
                let value = match row.value {
                    Json::Null => "-".to_owned(),
                    Json::String(text) => text,
                    other => other.to_string(),
                };
                vec![row.key, value, row.origin]
            }));
            setup.ui.table(&rows);
            Ok(())
        }
        Command::Reference => {
            setup.ui.raw(crate::config::reference().as_bytes());
            Ok(())
        }
    }
}
