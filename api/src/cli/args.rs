//! What the command line takes.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{actions, admin, config, doctor, explain, init, lint, plan, projects, run, runs, serve};
use crate::config::Flags;

/// A software factory for machine images: workflows in Git become images that are built, tested and published.
#[derive(Debug, Parser)]
#[command(name = "image-factory", version, max_term_width = 110, disable_help_subcommand = true)]
#[command(
    after_help = "Examples:\n  image-factory doctor\n  image-factory init && image-factory run .image-factory/*.yaml\n  image-factory serve\n\n`image-factory COMMAND --help` shows more of them."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve API, webhooks and registry on one address.
    Serve(serve::Serve),
    /// Run a workflow here and now, without a server.
    Run(run::Run),
    /// Check workflows: every problem with its place, and what to do.
    Lint(lint::Lint),
    /// Show the steps of a workflow in an order in which they could run.
    Plan(plan::Plan),
    /// Draw the graph of a workflow.
    Graph(plan::Graph),
    /// Write a first workflow for the repository in this folder.
    Init(init::Init),
    /// Look at this machine: tools, isolation, data folder.
    Doctor(doctor::Doctor),
    /// Look at the actions that `uses:` can name.
    Actions(actions::Actions),
    /// Explain the code of a diagnostic, such as IF0012.
    Explain(explain::Explain),
    /// Look at runs of a server, and steer them.
    Runs(runs::Runs),
    /// Register and change projects of a server.
    Projects(projects::Projects),
    /// Look at the configuration.
    Config(config::Config),
    /// Look after a data folder while no server uses it.
    Admin(admin::Admin),
    /// Run a tool so that nothing it starts outlives it. For the factory itself.
    #[command(hide = true)]
    ExecShim,
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ConfigArgs {
    /// Folder of databases, blobs, logs and work [default: `$XDG_STATE_HOME`/image-factory]
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Configuration file, instead of image-factory.toml in the data folder
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Set any setting, as in `--set limits.body_bytes=1MiB`; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    pub(super) set: Vec<(String, String)>,
}

impl ConfigArgs {
    /// The flags as the configuration takes them; `more` are flags of their own: (`--listen`, `listen`, value).
    pub(super) fn flags(&self, more: &[(&str, &str, Option<String>)]) -> Flags {
        let set = self.set.iter().map(|(key, value)| (format!("--set {key}"), key.clone(), value.clone()));
        let folder = self.data_dir.iter().map(|path| {
            ("--data-dir".to_owned(), "data_dir".to_owned(), path.to_string_lossy().into_owned())
        });
        let more = more.iter().filter_map(|(flag, key, value)| {
            value.as_ref().map(|value| ((*flag).to_owned(), (*key).to_owned(), value.clone()))
        });
        Flags { config: self.config.clone(), values: set.chain(folder).chain(more).collect() }
    }
}

/// Which server a client command talks to.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ServerArgs {
    /// URL of the server [env: `IMAGE_FACTORY_SERVER`] [default: the one that serves the data folder]
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<String>,
    /// Show the token to a server that is neither on this machine nor behind TLS
    #[arg(long)]
    pub(super) insecure: bool,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
}

impl ServerArgs {
    /// The flags as the configuration takes them.
    pub(super) fn flags(&self) -> Flags {
        self.config.flags(&[("--insecure", "insecure", self.insecure.then(|| "true".to_owned()))])
    }
}

/// What the operator allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TrustArg {
    /// Steps may run on the host.
    Host,
}

/// Reads `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            command.get_subcommands().for_each(|inner| check(inner, &path));
            if command.is_hide_set() {
                return;
            }
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Example"), "`{}` has no example", path.trim());
            // A longer one is broken by the terminal, and no longer what can be typed.
            let mut typed = after.lines().filter(|line| line.starts_with("  "));
            assert!(typed.all(|line| line.len() <= 98), "an example of `{}` is too long", path.trim());
        }
        check(&Cli::command(), "");
    }
}
