//! What a server refused a request with, for people: its diagnostics as lines.

use serde_json::Value as Json;

/// The code of a step that would run on the host without trust.
const WITHOUT_TRUST: &str = "IF0032";

/// The diagnostics of a problem, each with its place, its code and its help. Empty when it has none.
pub(super) fn diagnostics(problem: &Json) -> Vec<String> {
    listed(problem).map(diagnostic).collect()
}

/// Whether the workflow would compile differently if the operator let the project run on the host.
pub(super) fn lacks_trust(problem: &Json) -> bool {
    listed(problem).any(|found| found["code"] == WITHOUT_TRUST)
}

fn listed(problem: &Json) -> impl Iterator<Item = &Json> {
    problem["diagnostics"].as_array().into_iter().flatten()
}

fn diagnostic(found: &Json) -> String {
    let text = |key: &str| found[key].as_str().unwrap_or_default();
    let number = |key: &str| found[key].as_u64().unwrap_or_default();
    let mut lines = format!(
        "{}[{}]: {}\n  --> {}:{}:{}",
        text("severity"),
        text("code"),
        text("message"),
        text("file"),
        number("line"),
        number("column"),
    );
    if let Some(help) = found["help"].as_str() {
        lines.push_str("\n  = help: ");
        lines.push_str(help);
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_diagnostic_names_its_place_its_code_and_what_to_do() {
        let problem = json!({ "diagnostics": [{
            "code": "IF0032", "severity": "error", "file": "w.yaml", "line": 9, "column": 5,
            "message": "no trust", "help": "use `oci`",
        }]});
        assert_eq!(diagnostics(&problem), ["error[IF0032]: no trust\n  --> w.yaml:9:5\n  = help: use `oci`"]);
        assert!(lacks_trust(&problem));
        assert!(!lacks_trust(&json!({})) && diagnostics(&json!(null)).is_empty());
    }
}
