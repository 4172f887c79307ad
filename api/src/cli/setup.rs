//! What every command has at hand: the environment and the terminal.

use crate::config::{Environment, Flags, Resolved, resolve};
use crate::ui::Ui;

use super::Failure;

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
}
