//! What scripts rely on: output and exit codes of the command line.

use crate::harness::{Repository, json_of, program};

const BROKEN: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: broken
on:
  manual:
steps:
  a:
    uses: git/fetsch@v1
";

const SCRIPT: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: script
on:
  manual:
inputs:
  code:
    type: integer
    default: 0
steps:
  source:
    uses: git/fetch@v1
  say:
    needs: [source]
    uses: shell/run@v1
    with:
      script: exit $CODE
      env:
        CODE: \"${{ string(inputs.code) }}\"
outputs:
  commit: ${{ steps.source.outputs.commit }}
";

#[test]
fn lint_prints_a_list_with_places_and_fails_on_errors() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("w.yaml"), BROKEN).unwrap();
    let output = program(folder.path()).args(["lint", "--output", "json", "w.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let list = json_of(&output);
    let first = &list[0];
    assert_eq!(first["code"], "IF0027");
    assert_eq!(
        (&first["file"], &first["line"], &first["severity"]),
        (&"w.yaml".into(), &9.into(), &"error".into())
    );
    for key in ["column", "end_line", "end_column", "message", "help"] {
        assert!(!first[key].is_null(), "{key}");
    }
}

#[test]
fn run_exits_with_2_where_the_file_does_not_compile() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("w.yaml"), BROKEN).unwrap();
    let run = |file| {
        program(folder.path()).args(["run", file, "--data-dir", "d", "--output", "json"]).output().unwrap()
    };
    let output = run("w.yaml");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(json_of(&output)["diagnostics"][0]["code"], "IF0027");
    assert!(!folder.path().join("d").exists(), "nothing may be written");
    let output = run("missing.yaml");
    assert_eq!(output.status.code(), Some(2));
    let result = json_of(&output);
    assert!(result["run"].is_null() && result["steps"] == serde_json::json!([]));
    assert!(result["error"]["message"].as_str().unwrap().contains("missing.yaml"), "{result}");
}

#[test]
fn lint_goes_on_behind_a_file_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("w.yaml"), BROKEN).unwrap();
    let output =
        program(folder.path()).args(["lint", "--output", "json", "missing.yaml", "w.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let list = json_of(&output);
    assert_eq!(list[0]["file"], "missing.yaml");
    assert_eq!((&list[0]["severity"], &list[0]["line"]), (&"error".into(), &1.into()));
    assert_eq!(list[1]["code"], "IF0027");
}

#[test]
fn lint_and_plan_follow_the_limits_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("w.yaml"), SCRIPT).unwrap();
    std::fs::create_dir(at.join("data")).unwrap();
    std::fs::write(at.join("data/image-factory.toml"), "[limits]\nworkflow_bytes = 40\n").unwrap();
    std::fs::write(at.join("other.toml"), "[limits]\nworkflow_bytes = 50\n").unwrap();
    let lint = ["lint", "--trust", "host", "w.yaml"];
    let plan = ["plan", "--trust", "host", "w.yaml"];
    let said = |command: &mut std::process::Command| {
        let output = command.output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    for args in [lint, plan] {
        assert_eq!(said(program(at).args(args)).0, Some(0));
        let bounded = [
            said(program(at).args(args).args(["--data-dir", "data"])),
            said(program(at).args(args).args(["--config", "other.toml"])),
            said(program(at).args(args).args(["--set", "limits.workflow_bytes=60"])),
            said(program(at).args(args).env("IMAGE_FACTORY_LIMITS_WORKFLOW_BYTES", "70")),
            said(
                program(at)
                    .args(args)
                    .env("IMAGE_FACTORY_LIMITS_WORKFLOW_BYTES", "80")
                    .env_remove("HOME")
                    .env_remove("XDG_STATE_HOME"),
            ),
        ];
        for ((status, text), bytes) in bounded.into_iter().zip([40, 50, 60, 70, 80]) {
            assert_ne!(status, Some(0), "{text}");
            assert!(text.contains("IF0001") && text.contains(&bytes.to_string()), "{bytes}: {text}");
        }
        let nowhere = said(program(at).args(args).env_remove("HOME").env_remove("XDG_STATE_HOME"));
        assert_eq!(nowhere.0, Some(0), "{}", nowhere.1);
    }
}

#[test]
fn run_prints_one_object_and_its_exit_code_tells_how_it_ended_by_git() {
    let Some(git) =
        test_parts::tool("git", "run_prints_one_object_and_its_exit_code_tells_how_it_ended_by_git")
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::new(git, folder.path().join("repo"));
    let commit = repository.commit(&[("w.yaml", SCRIPT)]);
    let run = |input: &str| {
        let mut command = program(folder.path());
        command.args(["run", "repo/w.yaml", "--data-dir", "d", "--trust", "host", "--output", "json"]);
        command.args(["--input", input]).output().unwrap()
    };
    let output = run("code=0");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let result = json_of(&output);
    assert_eq!(result["run"]["status"], "succeeded");
    assert_eq!(result["run"]["compensation"], "none");
    assert_eq!(result["run"]["outputs"]["commit"], commit);
    assert!(result["run"]["id"].is_string() && result["run"]["duration_ms"].is_u64());
    let steps = result["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2);
    for step in steps {
        assert!(step["path"].is_string() && step["outputs"].is_object() && step["duration_ms"].is_u64());
        assert_eq!((&step["status"], &step["attempts"]), (&"succeeded".into(), &1.into()));
    }
    assert!(!output.stderr.is_empty(), "progress goes to standard error");
    let output = run("code=3");
    assert_eq!(output.status.code(), Some(1));
    let result = json_of(&output);
    assert_eq!(result["run"]["status"], "failed");
    assert_eq!(result["steps"][0]["cached"], true, "the same commit is not fetched twice");
    assert!(result["steps"][1]["error"]["message"].is_string());
    let output = run("code=x");
    assert_eq!(output.status.code(), Some(2), "an input that does not fit starts nothing");
    let result = json_of(&output);
    assert!(result["run"].is_null() && result["error"]["message"].is_string(), "{result}");
}

#[test]
fn actions_come_with_the_schemas_of_their_ports() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path()).args(["actions", "list", "--output", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let list = json_of(&output);
    let fetch = list.as_array().unwrap().iter().find(|action| action["name"] == "git/fetch").unwrap();
    assert_eq!((&fetch["version"], &fetch["cacheable"]), (&"v1".into(), &true.into()));
    assert_eq!(fetch["compensates"], false);
    assert_eq!(fetch["inputs"]["type"], "object");
    assert!(fetch["outputs"]["properties"]["tree"].is_object() && fetch["isolation"].is_string());
}

#[test]
fn a_server_for_everybody_without_tls_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        program(folder.path()).args(["serve", "--data-dir", "d", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--insecure"));
    assert!(!folder.path().join("d").exists(), "nothing may be written");
}

#[test]
fn an_unknown_variable_of_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        program(folder.path()).env("IMAGE_FACTORY_LISTN", "x").args(["config", "show"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("IMAGE_FACTORY_LISTEN"));
}

#[test]
fn a_failed_local_run_shows_how_the_log_ends_and_the_file_that_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let script = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: fails
on:
  manual:
steps:
  say:
    uses: shell/run@v1
    with:
      script: |
        seq 100
        exit 3
finally:
  after:
    uses: shell/run@v1
    with:
      script: echo after
";
    std::fs::write(folder.path().join("w.yaml"), script).unwrap();
    let output = program(folder.path())
        .args(["run", "w.yaml", "--data-dir", "d", "--trust", "host"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("    | 100\n") && !said.contains("    | 1\n"), "{said}");
    let file = said.lines().find_map(|line| line.trim().strip_prefix("all of it: ")).unwrap();
    assert!(std::fs::read_to_string(folder.path().join(file)).unwrap().contains(" o 1\n"));
    let output = program(folder.path()).args(["plan", "w.yaml", "--trust", "host"]).output().unwrap();
    let plan = String::from_utf8(output.stdout).unwrap();
    assert!(plan.find("say").unwrap() < plan.find("after (finally)").unwrap(), "{plan}");
}

#[test]
fn what_is_no_run_id_is_named_with_the_command_that_lists_runs() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path()).args(["runs", "show", "xx"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`xx` is no run id; `image-factory runs list` shows them"), "{said}");
}

#[test]
fn a_strict_doctor_fails_where_a_tool_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = |strict: &[&str]| {
        let mut command = program(folder.path());
        command.env("PATH", folder.path()).args(["doctor", "--output", "json"]).args(strict).output().unwrap()
    };
    let output = doctor(&[]);
    assert_eq!(output.status.code(), Some(0));
    let report = json_of(&output);
    assert!(report["tools"].as_array().unwrap().iter().any(|tool| tool["program"] == "ssh"), "{report}");
    assert_eq!(doctor(&["--strict"]).status.code(), Some(1));
}
