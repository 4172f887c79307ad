//! What every command has at hand: the environment and the terminal.

use tracing_subscriber::EnvFilter;
use vocab::Limits;

use super::Failure;
use crate::config::{Environment, Flags, LogConfig, LogFormat, Resolved, limits, resolve};
use crate::ui::Ui;

/// The surroundings of a command.
pub(super) struct Setup {
    pub(super) environment: Environment,
    pub(super) ui: Ui,
}

impl Setup {
    /// Those of this process.
    pub(super) fn of_process() -> Self {
        let environment = Environment::of_process();
        let ui = Ui::new(&environment);
        Self { environment, ui }
    }

    /// The configuration in force.
    pub(super) fn resolve(&self, flags: &Flags) -> Result<Resolved, Failure> {
        Ok(resolve(&self.environment, flags)?)
    }

    /// The bounds in force, for commands that need no data folder.
    pub(super) fn limits(&self, flags: &Flags) -> Result<Limits, Failure> {
        Ok(limits(&self.environment, flags)?)
    }

    /// Starts the log of the process, on standard error. A `quiet` one leaves the default level at warnings.
    pub(super) fn start_log(&self, config: &LogConfig, quiet: bool) -> Result<(), Failure> {
        let level = if quiet && config.level == "info" { "warn" } else { &config.level };
        let filter = EnvFilter::try_new(level)
            .map_err(|error| Failure::usage(format!("`log.level` is no filter: {error}")))?;
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        let started = match config.format {
            LogFormat::Text => log.with_ansi(self.ui.colours_notes()).try_init(),
            LogFormat::Json => log.json().try_init(),
        };
        started.map_err(|error| Failure::new(format!("the log cannot be started: {error}")))
    }
}
