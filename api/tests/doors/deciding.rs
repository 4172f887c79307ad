//! A person decides about a run: over the API and on the command line.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::harness::{Server, factory, json_of, program};

const ASKS: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: asks
on:
  manual:
on_failure: pause
steps:
  source:
    uses: git/fetch@v1
  scan:
    uses: shell/run@v1
    needs: [source]
    with:
      script: exit 3
  after:
    uses: shell/run@v1
    with:
      script: test \"$FOUND\" = none
      env:
        FOUND: ${{ steps.scan.outputs.outputs[\"found\"] ?? \"nothing\" }}
";

/// A run of it that waits for a person.
async fn asked(server: &Server) -> String {
    let output = program(&server.folder)
        .args(["runs", "start", "app", "--output", "json", "--data-dir", "data"])
        .output()
        .unwrap();
    let run = json_of(&output)["run"]["id"].as_str().unwrap().to_owned();
    for _ in 0..600 {
        if server.get(&format!("/api/v1/runs/{run}")).await["run"]["status"] == "paused" {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("run {run} does not pause: {}", server.get(&format!("/api/v1/runs/{run}")).await)
}

async fn decide(server: &Server, run: &str, body: &Json) -> (u16, Json) {
    let path = format!("/api/v1/runs/{run}/decisions");
    let response = server.request("POST", &path).bearer_auth(&server.token).json(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_bypassed_step_goes_on_with_what_a_person_supplied_by_git() {
    let test = "a_bypassed_step_goes_on_with_what_a_person_supplied_by_git";
    let Some((_folder, server, ..)) = factory(test, &[(".image-factory/asks.yaml", ASKS)]).await else {
        return;
    };
    let run = asked(&server).await;
    // An artifact that a step of the run made may be named, as `runs show` writes it.
    let detail = server.get(&format!("/api/v1/runs/{run}")).await;
    let supplied = json!({ "outputs": { "found": "none" }, "tree": detail["steps"][0]["outputs"]["tree"] });
    std::fs::write(server.folder.join("found.json"), supplied.to_string()).unwrap();
    let bypass = |file: &[&str]| {
        let mut command = program(&server.folder);
        command.args([
            "runs",
            "bypass",
            &run,
            "scan",
            "--reason",
            "by hand, ticket 12",
            "--data-dir",
            "data",
        ]);
        command.args(file).output().unwrap()
    };
    std::fs::write(server.folder.join("wrong.json"), json!({ "output": {}, "tree": 7 }).to_string()).unwrap();
    for (file, code, said) in [
        (vec![], 2, vec!["no file with the outputs is named"]),
        (vec!["--output", "found.json", "--output", "wrong.json"], 2, vec!["several files"]),
        (vec!["--output", "none.json"], 1, vec!["`none.json` cannot be read"]),
        (
            vec!["--output", "wrong.json"],
            1,
            vec!["`outputs` is missing", "`tree`: ", "no `output` (did you mean `outputs`?)", "it gives `"],
        ),
    ] {
        let output = bypass(&file);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(said.iter().all(|said| told.contains(said)), "{said:?}: {told}");
    }
    let output = bypass(&["--output", "found.json", "--output", "json"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(json_of(&output)["run"]["id"], run.as_str());
    let ended = server.ended(&run).await;
    assert_eq!(ended["run"]["status"], "succeeded", "{ended}");
    let events = server.get(&format!("/api/v1/runs/{run}/events?limit=1000")).await;
    let bypassed = events["events"].as_array().unwrap().iter().find(|event| event["kind"] == "step_bypassed");
    let decided = &bypassed.unwrap()["payload"]["decided"];
    assert_eq!(decided, &json!({ "by": "admin", "reason": "by hand, ticket 12" }));
}

#[tokio::test]
async fn a_decision_that_does_not_fit_is_refused_and_says_why_by_git() {
    let test = "a_decision_that_does_not_fit_is_refused_and_says_why_by_git";
    let Some((_folder, server, ..)) = factory(test, &[(".image-factory/asks.yaml", ASKS)]).await else {
        return;
    };
    let run = asked(&server).await;
    let digest = format!("sha256:{}", "0".repeat(64));
    let forged = json!({ "$artifact": "tree", "digest": digest, "size": 1 });
    for (body, status, said) in [
        (json!({ "decision": "skip", "step": "scan", "reason": " " }), 422, "needs a `reason`"),
        (json!({ "decision": "skip", "reason": "x" }), 422, "name it in `step`"),
        (json!({ "decision": "skip", "step": "nothing", "reason": "x" }), 404, "no step `nothing`"),
        (json!({ "decision": "skip", "step": "after", "reason": "x" }), 409, "only a paused step"),
        (json!({ "decision": "bypass", "step": "scan", "reason": "x" }), 422, "`outputs` is missing"),
        (
            json!({ "decision": "bypass", "step": "scan", "reason": "x", "outputs": { "tree": forged } }),
            422,
            "no step of this run made sha256:",
        ),
        (
            json!({ "decision": "bypass", "step": "scan", "reason": "x", "outputs": { "tree": { "$artifact": "tree" } } }),
            422,
            "an artifact is written as in",
        ),
        (json!({ "decision": "resume", "reason": "x" }), 409, "is not held"),
    ] {
        let (found, answer) = decide(&server, &run, &body).await;
        assert_eq!(found, status, "{body}: {answer}");
        assert!(answer["detail"].as_str().unwrap().contains(said), "{body}: {answer}");
    }
    let give_up = ["runs", "resolve", &run, "scan", "give-up", "--reason", "not today"];
    let output = program(&server.folder).args(give_up).args(["--data-dir", "data"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.ended(&run).await["run"]["status"], "failed");
}

#[tokio::test]
async fn a_local_run_has_nobody_to_ask_and_says_so_by_git() {
    let test = "a_local_run_has_nobody_to_ask_and_says_so_by_git";
    if test_parts::tool("sh", test).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("asks.yaml"), ASKS).unwrap();
    let run = ["run", "asks.yaml", "--data-dir", "data", "--trust", "host", "--output", "json"];
    let output = program(folder.path()).args(run).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(json_of(&output)["run"]["status"], "cancelled");
    assert!(String::from_utf8(output.stderr).unwrap().contains("nobody to ask"));
}
