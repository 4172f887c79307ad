//! How a command fails: what happened, what to do, and the exit code.

use std::fmt::Display;
use std::io;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::answered;
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
    /// What to do about it, one advice a line.
    help: Vec<String>,
    /// What a server answered, as it is.
    answer: Option<Box<Json>>,
    /// What is wrong with a file, in the form for scripts.
    diagnostics: Vec<Json>,
    /// Whether the person knows already.
    told: bool,
    /// The exit code: 1, or 2 for what was wrong before anything started.
    pub(crate) code: u8,
}

impl Failure {
    /// Something failed.
    pub(crate) fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), told: false, ..Self::said(1) }
    }

    /// Everything was said already.
    pub(crate) const fn said(code: u8) -> Self {
        Self {
            message: String::new(),
            help: Vec::new(),
            answer: None,
            diagnostics: Vec::new(),
            told: true,
            code,
        }
    }

    /// What was given is wrong; nothing was started.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { code: 2, ..Self::new(message) }
    }

    /// A file that was named cannot be read.
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let help = match error.kind() {
            io::ErrorKind::NotFound => {
                "check the spelling; a path begins in the folder that the command runs in"
            }
            io::ErrorKind::IsADirectory => "name a file in it",
            _ => "name a file that you may read",
        };
        Self::usage(format!("cannot read {}: {error}", path.display())).help(help)
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds the problem that a server answered with.
    #[must_use]
    pub(crate) fn answered(mut self, problem: Json) -> Self {
        self.answer = Some(Box::new(problem));
        self
    }

    /// Says that the person was told by these diagnostics; scripts are told by them too.
    #[must_use]
    pub(crate) fn told_by(self, diagnostics: Vec<Json>) -> Self {
        Self { diagnostics, told: true, ..self }
    }

    /// What is wrong with a file.
    pub(crate) fn diagnostics(&self) -> &[Json] {
        &self.diagnostics
    }

    /// The problem that a server answered with, if one did.
    pub(crate) fn answer(&self) -> Option<&Json> {
        self.answer.as_deref()
    }

    /// Whether a server refused because the operator does not let the project run on the host.
    pub(crate) fn lacks_trust(&self) -> bool {
        self.answer().is_some_and(answered::lacks_trust)
    }

    /// For scripts: `{message, help}`; nothing when everything was said already.
    pub(crate) fn to_json(&self) -> Option<Json> {
        let help = (!self.help.is_empty()).then(|| self.help.join("\n"));
        (!self.message.is_empty()).then(|| json!({ "message": self.message, "help": help }))
    }

    /// Tells the person.
    pub(crate) fn tell(&self, ui: Ui) {
        if self.told {
            return;
        }
        for diagnostic in self.answer().into_iter().flat_map(answered::diagnostics) {
            ui.note(format!("{diagnostic}\n"));
        }
        ui.note(format!("{} {}", ui.paint_note(Tone::Bad, "error:"), self.message));
        for help in &self.help {
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
        Self { help: error.help().into_iter().collect(), ..Self::new(error) }
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
        Self { help: problem.help.into_iter().collect(), ..Self::new(problem.detail) }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match &error {
            ServeError::Identity { .. } => Self::usage(&error)
                .help("name a certificate and its private key, both PEM, with --tls-cert and --tls-key"),
            ServeError::Bind { .. } => {
                Self::new(&error).help("choose another address with --listen; port 0 takes a free one")
            }
            ServeError::Signals(_) => Self::new(error),
        }
    }
}
