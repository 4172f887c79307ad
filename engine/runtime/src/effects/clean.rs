//! What an attempt, a probe or an undo says of an effect becomes part of the run's history, where no secret may be. Pure.

use engine_ports::{ActionError, Presence, StepLog, UndoOutcome};
use serde_json::Value as Json;

/// A handle is recorded as it is or not at all: a masked one would name something else.
pub(super) fn presence(presence: Presence, log: &dyn StepLog) -> Result<Presence, ActionError> {
    match presence {
        Presence::Present(handle) if holds_secret(&handle, log) => Err(ActionError::permanent(
            "it is there, but the handle that was found holds a secret, so that it cannot be written down",
        )),
        other => Ok(other),
    }
}

/// What was found in place of the effect is a text for people.
pub(super) fn outcome(outcome: UndoOutcome, log: &dyn StepLog) -> UndoOutcome {
    match outcome {
        UndoOutcome::Superseded(found) => UndoOutcome::Superseded(log.masked(&found)),
        UndoOutcome::Undone => UndoOutcome::Undone,
    }
}

pub(super) fn error(error: ActionError, log: &dyn StepLog) -> ActionError {
    ActionError {
        message: log.masked(&error.message),
        help: error.help.map(|help| log.masked(&help)),
        ..error
    }
}

/// Whether a text in it, a name or a number is or contains a secret that the log knows.
pub(crate) fn holds_secret(json: &Json, log: &dyn StepLog) -> bool {
    // Line by line: whole texts come back with their line ends made equal.
    let told = |text: &str| text.lines().any(|line| log.masked(line) != line);
    match json {
        Json::Null | Json::Bool(_) => false,
        Json::Number(number) => told(&number.to_string()),
        Json::String(text) => told(text),
        Json::Array(items) => items.iter().any(|item| holds_secret(item, log)),
        Json::Object(fields) => fields.iter().any(|(name, value)| told(name) || holds_secret(value, log)),
    }
}

#[cfg(test)]
mod tests {
    use engine_ports::{LogStream, Progress};
    use serde_json::json;

    use super::*;

    /// A log that knows one secret.
    struct KnowsOne;

    impl StepLog for KnowsOne {
        fn line(&self, _: LogStream, _: &str) {}

        fn progress(&self, _: Progress) {}

        fn mask(&self, _: &str) {}

        fn masked(&self, text: &str) -> String {
            text.replace("hunter2", "***")
        }
    }

    #[test]
    fn no_secret_reaches_the_history_through_what_was_found() {
        for handle in
            [json!("hunter2"), json!({ "a": ["x", { "b": "has hunter2" }] }), json!({ "hunter2": 1 })]
        {
            let refused = presence(Presence::Present(handle), &KnowsOne).unwrap_err();
            assert!(!refused.message.contains("hunter2"), "{refused}");
        }
        let plain = Presence::Present(json!({ "id": 7, "tags": ["v1", null, true] }));
        assert_eq!(presence(plain.clone(), &KnowsOne), Ok(plain));
        let found = UndoOutcome::Superseded("now hunter2".to_owned());
        assert_eq!(outcome(found, &KnowsOne), UndoOutcome::Superseded("now ***".to_owned()));
    }
}
