//! What scripts get on standard output when a command fails: always one object, always with `error`.

use std::ffi::OsString;

use serde_json::{Value as Json, json};

use super::Failure;

/// What the arguments ask for, as far as it decides the form of a failure. They need not be right: what is wrong
/// with them is a failure too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing for scripts.
    Text,
    /// An object with the error.
    Json,
    /// The object that `run` prints, with the error in it.
    Run,
}

impl Form {
    /// The form that these arguments (without the program's name) ask for.
    pub(super) fn of(arguments: &[OsString]) -> Self {
        let json = arguments.iter().any(|argument| argument == "--output=json")
            || arguments.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json");
        match arguments.first() {
            Some(command) if json && command == "run" => Self::Run,
            _ if json => Self::Json,
            _ => Self::Text,
        }
    }

    /// The failure in this form; nothing where the command has printed its result already.
    pub(super) fn write(self, failure: &Failure) -> Option<Json> {
        let error = failure.to_json()?;
        let mut object = match self {
            Self::Text => return None,
            Self::Json => json!({}),
            Self::Run => json!({ "run": null, "steps": [] }),
        };
        // What a server answered is a problem with fields of its own; they stay beside the error.
        for (key, value) in failure.answer().and_then(Json::as_object).into_iter().flatten() {
            object[key] = value.clone();
        }
        if !failure.diagnostics().is_empty() {
            object["diagnostics"] = Json::Array(failure.diagnostics().to_vec());
        }
        object["error"] = error;
        Some(object)
    }
}

/// Arguments that nobody understands, as a failure. What the parser says for a person is told apart from it.
pub(super) fn misunderstood(said: &str) -> Failure {
    let text = said.trim().strip_prefix("error: ").unwrap_or(said.trim());
    // What comes then is the usage and the way to the help.
    let end = ["\n\nUsage:", "\n\nFor more"].iter().filter_map(|mark| text.find(mark)).min();
    Failure::usage(text[..end.unwrap_or(text.len())].trim()).help("`--help` shows what the command takes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(line: &str) -> Form {
        Form::of(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_form_is_seen_in_arguments_that_may_be_wrong() {
        assert_eq!(form("plan --output json"), Form::Json);
        assert_eq!(form("runs list --output=json --colour"), Form::Json);
        assert_eq!(form("run --output json"), Form::Run);
        assert_eq!(form("run w.yaml --output text"), Form::Text);
        assert_eq!(form(""), Form::Text);
    }

    #[test]
    fn every_failure_has_its_error_and_keeps_what_a_server_said() {
        let problem = json!({ "type": "t", "detail": "no", "request_id": "r" });
        let failure = Failure::new("no").help("do this").answered(problem);
        let written = Form::Json.write(&failure).unwrap();
        assert_eq!(written["error"], json!({ "message": "no", "help": "do this" }));
        assert_eq!(written["request_id"], "r");
        let written =
            Form::Run.write(&Failure::usage("x").told_by(vec![json!({ "code": "IF0001" })])).unwrap();
        assert_eq!((&written["run"], &written["diagnostics"][0]["code"]), (&Json::Null, &"IF0001".into()));
        assert!(Form::Json.write(&Failure::said(1)).is_none() && Form::Text.write(&failure).is_none());
    }

    #[test]
    fn the_usage_is_no_part_of_the_message() {
        let said = "error: unexpected argument 'x' found\n\nUsage: image-factory lint\n\nFor more information, try '--help'.\n";
        assert_eq!(misunderstood(said).to_json().unwrap()["message"], "unexpected argument 'x' found");
    }
}
