//! How a command fails: what happened, what to do, and the exit code.

use std::fmt::Display;

use crate::config::ConfigError;
use crate::data::DataError;
use crate::problem::Problem;
use crate::serve::ServeError;
use crate::ui::{Tone, Ui};
use crate::wire::WireError;

/// The end of a command that did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What happened; empty when everything was said already.
    message: String,
    /// What to do about it.
    help: Option<String>,
    /// The exit code: 1, or 2 for what was wrong before anything started.
    pub(crate) code: u8,
}

impl Failure {
    /// Something failed.
    pub(crate) fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), help: None, code: 1 }
    }

    /// Everything was said already.
    pub(crate) const fn said(code: u8) -> Self {
        Self { message: String::new(), help: None, code }
    }

    /// What was given is wrong; nothing was started.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { code: 2, ..Self::new(message) }
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Tells the person.
    pub(crate) fn tell(&self, ui: Ui) {
        if !self.message.is_empty() {
            ui.note(format!("{} {}", ui.paint_note(Tone::Bad, "error:"), self.message));
        }
        if let Some(help) = &self.help {
            ui.note(format!("{} {help}", ui.paint_note(Tone::Strong, "help:")));
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error).help("`image-factory config show` lists every setting with its origin")
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self { help: error.help(), ..Self::new(error) }
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Data(error) => error.into(),
            other => Self::new(other),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { help: problem.help, ..Self::new(problem.detail) }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::new(error)
    }
}
