//! Why an attempt or a step did not succeed, as it is recorded.

use std::fmt;

use serde::{Deserialize, Serialize};
use vocab::ErrorClass;

/// A failure in the words of the one who met it. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure: decides about a retry.
    pub class: ErrorClass,
    /// What happened and where, for people.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Failure {
    /// Characters of a message or a help text that are kept: a failure always fits into an event.
    const KEPT: usize = 4096;

    /// A failure of `class`.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: cut(message.into()), help: None }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(cut(help.into()));
        self
    }

    /// A text of somebody outside, cut to a length that fits into an event.
    pub fn cut(text: String) -> String {
        cut(text)
    }

    /// The same, cut to a length that fits into an event.
    pub(crate) fn bounded(self) -> Self {
        Self { class: self.class, message: cut(self.message), help: self.help.map(cut) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(Failure::KEPT) {
        None => text,
        Some((end, _)) => format!("{} …", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let failure = Failure::new(ErrorClass::Permanent, "ä".repeat(5000));
        assert_eq!(failure.message.chars().count(), Failure::KEPT + 2);
    }
}
