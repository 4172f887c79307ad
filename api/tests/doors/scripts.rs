//! What scripts get: JSON on standard output alone, whatever goes wrong.

use serde_json::{Value as Json, json};

use crate::harness::{Server, factory, json_of, program};

const GOOD: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: good
on:
  manual:
inputs:
  unused:
    type: integer
    default: 0
steps:
  say:
    uses: shell/run@v1
    with:
      script: echo hello
";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.yaml"), GOOD).unwrap();
    std::fs::write(folder.path().join("bad.yaml"), GOOD.replace("shell/run", "shell/rum")).unwrap();
    folder
}

/// The names in an object, sorted.
fn keys(object: &Json) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn every_failure_is_one_object_with_the_error_and_a_way_out_for_the_person() {
    let folder = folder();
    let run = "01a20393-b7d2-7780-990c-5254c9f52bb0";
    for (arguments, code) in [
        (&["plan", "missing.yaml"][..], 2),
        (&["plan", "bad.yaml"], 2),
        (&["plan"], 2),
        (&["run", "bad.yaml", "--data-dir", "d"], 2),
        (&["run", "missing.yaml", "--data-dir", "d"], 2),
        (&["run", "good.yaml", "--trust", "host", "--data-dir", "good.yaml"], 2),
        (&["run", "good.yaml", "--trust", "host", "--input", "nonsense"], 2),
        (&["run"], 2),
        (&["actions", "show", "nonsense"], 2),
        (&["config", "show", "--set", "nonsense=1"], 2),
        (&["doctor", "--config", "missing.toml"], 2),
        (&["projects", "list"], 2),
        (&["projects", "add", "app", "https://git.example/app", "--webhook-secret-file", "missing"], 2),
        (&["runs", "list", "--server", "nonsense"], 2),
        (&["runs", "list", "--server", "http://127.0.0.1:1"], 1),
        (&["runs", "list", "--status", "nonsense"], 2),
        (&["runs", "show", run, "--data-dir", "missing"], 2),
        (&["runs", "follow", "nonsense"], 2),
    ] {
        let mut command = program(folder.path());
        command.env("IMAGE_FACTORY_TOKEN", "x").args(arguments).args(["--output", "json"]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        let object = json_of(&output);
        assert!(object["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.lines().any(|line| line.starts_with("error")), "{arguments:?}: {said}");
        assert!(said.contains("help: ") || said.contains("--help"), "{arguments:?} shows no way out: {said}");
        assert!(!said.contains("panicked") && !said.contains("Error {"), "{arguments:?}: {said}");
        if arguments[0] == "run" {
            assert_eq!((&object["run"], &object["steps"]), (&Json::Null, &json!([])), "{arguments:?}");
        }
        if arguments.contains(&"bad.yaml") {
            let list = object["diagnostics"].as_array().unwrap();
            assert!(list.iter().any(|found| found["code"] == "IF0027"), "{arguments:?}: {object}");
        }
    }
    assert!(!folder.path().join("d").exists(), "nothing may be written");
}

#[test]
fn the_object_of_a_run_has_these_fields_and_no_line_beside_it() {
    let folder = folder();
    let mut command = program(folder.path());
    command.args(["run", "good.yaml", "--data-dir", "d", "--trust", "host", "--output", "json"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let result = json_of(&output);
    assert_eq!(keys(&result), ["run", "steps"]);
    for key in ["id", "status", "compensation", "outputs", "duration_ms"] {
        assert!(result["run"].get(key).is_some(), "{key}: {result}");
    }
    let step = &result["steps"][0];
    assert_eq!((&step["path"], &step["status"]), (&"say".into(), &"succeeded".into()));
    assert_eq!((&step["attempts"], &step["cached"]), (&1.into(), &false.into()));
    assert!(step["outputs"].is_object() && step["duration_ms"].is_u64(), "{step}");
}

#[test]
fn the_list_of_lint_has_these_fields_and_warnings_are_no_failure() {
    let folder = folder();
    let lint = |files: &[&str]| {
        let mut command = program(folder.path());
        command.args(["lint", "--trust", "host", "--output", "json"]).args(files).output().unwrap()
    };
    let warned = lint(&["good.yaml"]);
    assert_eq!(warned.status.code(), Some(0), "{warned:?}");
    assert_eq!(json_of(&warned)[0]["severity"], "warning", "{warned:?}");
    let all = ["code", "column", "end_column", "end_line", "file", "help", "line", "message", "severity"];
    for found in [lint(&["good.yaml"]), lint(&["bad.yaml"]), lint(&["missing.yaml", "."])] {
        for found in json_of(&found).as_array().unwrap() {
            assert_eq!(keys(found), all);
        }
    }
    assert_eq!(lint(&["good.yaml", "bad.yaml"]).status.code(), Some(1));
    let used =
        GOOD.replace("      script", "      env:\n        N: \"${{ string(inputs.unused) }}\"\n      script");
    std::fs::write(folder.path().join("clean.yaml"), used).unwrap();
    let clean = lint(&["clean.yaml"]);
    assert_eq!((clean.status.code(), json_of(&clean)), (Some(0), json!([])));
}

#[test]
fn every_action_is_listed_with_the_schemas_of_its_ports() {
    let folder = folder();
    let output = program(folder.path()).args(["actions", "list", "--output", "json"]).output().unwrap();
    let list = json_of(&output);
    let actions = list.as_array().unwrap();
    assert!(actions.len() >= 9, "{list}");
    for action in actions {
        let name = action["name"].as_str().unwrap();
        assert!(action["version"].is_string() && action["isolation"].is_string(), "{name}");
        assert!(action["cacheable"].is_boolean() && action["compensates"].is_boolean(), "{name}");
        for ports in [&action["inputs"], &action["outputs"]] {
            assert_eq!(ports["type"], "object", "{name}");
            assert!(ports["properties"].is_object(), "{name}: {ports}");
        }
    }
}

#[tokio::test]
async fn what_a_server_answers_stays_beside_the_error() {
    let folder = folder();
    let server = Server::start(folder.path());
    let client = |arguments: &[&str]| {
        let mut command = program(&server.folder);
        command.args(arguments).args(["--data-dir", "data", "--output", "json"]).output().unwrap()
    };
    for arguments in [
        &["runs", "show", "01a20393-b7d2-7780-990c-5254c9f52bb0"][..],
        &["projects", "show", "nobody"],
        &["projects", "remove", "nobody"],
    ] {
        let output = client(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let object = json_of(&output);
        assert_eq!(object["type"], "urn:image-factory:problem:not-found", "{object}");
        assert_eq!(object["error"]["message"], object["detail"]);
    }
    assert!(client(&["projects", "add", "app", "https://git.example/app"]).status.success());
    assert_eq!(client(&["projects", "update", "app"]).status.code(), Some(2), "nothing to change is named");
    assert_eq!(json_of(&client(&["projects", "remove", "app"])), json!({ "removed": "app" }));
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let folder = folder();
    for arguments in [&["actions", "list"][..], &["plan", "good.yaml", "--trust", "host", "--output", "json"]]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program(folder.path()).args(arguments).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert_eq!(said.matches("the result cannot be written").count(), 1, "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn a_workflow_that_is_asked_for_by_a_name_that_does_not_compile_shows_why_by_git() {
    let test = "a_workflow_that_is_asked_for_by_a_name_that_does_not_compile_shows_why_by_git";
    let bad = GOOD.replace("name: good", "name: bad").replace("shell/run", "shell/rum");
    let files = [(".image-factory/good.yaml", GOOD), (".image-factory/bad.yaml", bad.as_str())];
    let Some((_folder, server, ..)) = factory(test, &files).await else { return };
    let start = ["runs", "start", "app", "--workflow", "bad", "--output", "json", "--data-dir", "data"];
    let output = program(&server.folder).args(start).output().unwrap();
    assert_ne!(output.status.code(), Some(0));
    let said = json_of(&output);
    assert_eq!(said["diagnostics"][0]["file"], ".image-factory/bad.yaml", "{said}");
    assert!(said["error"]["message"].as_str().unwrap().contains("it has: good"), "{said}");
}
