//! Runs of one group, over webhooks, the API and the command line.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::harness::{HELLO, NONE, Repository, Server, factory, json_of, program};

/// A workflow whose run goes on until there is a file `gate` beside the data folder.
fn golden(server: &Server, on_new: &str) -> String {
    let gate = server.folder.join("gate");
    format!(
        "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: golden
on:
  push: {{}}
  manual: {{}}
concurrency:
  group: golden-${{{{ run.branch ?? \"none\" }}}}
  on_new: {on_new}
steps:
  hold:
    uses: shell/run@v1
    cache: never
    with:
      script: while [ ! -e {} ]; do sleep 0.05; done
",
        gate.display()
    )
}

/// A project `app` whose only workflow is [`golden`]; its newest commit.
async fn project(test: &str, on_new: &str) -> Option<(tempfile::TempDir, Server, Repository, String)> {
    let (folder, server, repository, _) = factory(test, &[("hello.yaml", HELLO)]).await?;
    let commit = repository.commit(&[(".image-factory/golden.yaml", &golden(&server, on_new))]);
    Some((folder, server, repository, commit))
}

fn open(server: &Server) {
    std::fs::write(server.folder.join("gate"), "").unwrap();
}

async fn pushed(server: &Server, delivery: &str, commit: &str) -> Json {
    server.push("app", delivery, NONE, commit).await.json().await.unwrap()
}

fn run_of(answer: &Json) -> String {
    answer["runs"][0]["run"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn running(server: &Server, run: &str) {
    for _ in 0..600 {
        if server.get(&format!("/api/v1/runs/{run}")).await["steps"][0]["status"] == "running" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("run {run} does not start");
}

#[tokio::test]
async fn a_queued_run_says_behind_which_one_it_waits_and_goes_on_after_it_by_git() {
    let test = "a_queued_run_says_behind_which_one_it_waits_and_goes_on_after_it_by_git";
    let Some((_folder, server, _repository, commit)) = project(test, "queue").await else { return };
    let first = run_of(&pushed(&server, "d-1", &commit).await);
    let second = run_of(&pushed(&server, "d-2", &commit).await);
    running(&server, &first).await;
    let run = server.get(&format!("/api/v1/runs/{second}")).await["run"].clone();
    assert_eq!((&run["status"], &run["group"]), (&json!("queued"), &json!("golden-main")), "{run}");
    let message = format!("waits in group `golden-main` behind run {first}");
    assert_eq!(run["waits"], json!({ "message": message, "behind": first }));
    let listed = server.get("/api/v1/runs?status=queued").await["runs"][0].clone();
    assert_eq!(listed["waits"], run["waits"]);
    let said = |args: &[&str]| {
        let output = program(&server.folder).args(args).args(["--data-dir", "data"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = said(&["runs", "show", &second]);
    assert!(shown.contains(&message), "{shown}");
    let list = said(&["runs", "list"]);
    assert!(list.contains(&format!("queued behind {first}")), "{list}");
    // A restart forgets nobody.
    let server = server.restart();
    let run = server.get(&format!("/api/v1/runs/{second}")).await["run"].clone();
    assert_eq!((&run["status"], &run["waits"]["behind"]), (&json!("queued"), &json!(first)), "{run}");
    open(&server);
    assert_eq!(server.ended(&first).await["run"]["status"], "succeeded");
    assert_eq!(server.ended(&second).await["run"]["status"], "succeeded");
}

#[tokio::test]
async fn a_newer_push_ends_the_run_of_the_older_one_by_git() {
    let test = "a_newer_push_ends_the_run_of_the_older_one_by_git";
    let Some((_folder, server, _repository, commit)) = project(test, "cancel_running").await else { return };
    let first = run_of(&pushed(&server, "d-1", &commit).await);
    running(&server, &first).await;
    let second = run_of(&pushed(&server, "d-2", &commit).await);
    assert_eq!(server.ended(&first).await["run"]["status"], "cancelled");
    let events = server.get(&format!("/api/v1/runs/{first}/events")).await;
    let asked = events["events"].as_array().unwrap().iter().find(|event| event["kind"] == "cancel_requested");
    let payload = &asked.unwrap()["payload"];
    assert_eq!(
        (&payload["by"], &payload["reason"]),
        (&json!(format!("run {second}")), &json!("a newer run of its group"))
    );
    open(&server);
    assert_eq!(server.ended(&second).await["run"]["status"], "succeeded");
}

#[tokio::test]
async fn a_run_that_is_dropped_is_told_to_whoever_asked_for_it_by_git() {
    let test = "a_run_that_is_dropped_is_told_to_whoever_asked_for_it_by_git";
    let Some((_folder, server, _repository, commit)) = project(test, "drop").await else { return };
    let first = run_of(&pushed(&server, "d-1", &commit).await);
    let response = server.push("app", "d-2", NONE, &commit).await;
    assert_eq!(response.status(), 200, "nothing started, and nothing is wrong");
    let answer: Json = response.json().await.unwrap();
    assert_eq!((&answer["runs"], &answer["refused"]), (&json!([]), &json!([])));
    let dropped = &answer["dropped"][0];
    assert_eq!(dropped["workflow"], "golden");
    assert!(dropped["reason"].as_str().unwrap().contains(&first), "{dropped}");
    assert_eq!(run_of(&pushed(&server, "d-1", &commit).await), first, "a redelivery finds its run");

    let body = json!({ "project": "app", "workflow": "golden", "ref": "refs/heads/main" });
    let request = server.request("POST", "/api/v1/runs").bearer_auth(&server.token).json(&body);
    let refused = request.send().await.unwrap();
    assert_eq!(refused.status(), 409);
    let problem: Json = refused.json().await.unwrap();
    assert_eq!(problem["type"], "urn:image-factory:problem:group-full");
    assert_eq!((&problem["group"], &problem["behind"]), (&json!("golden-main"), &json!(first)));
    let output = program(&server.folder)
        .args(["runs", "start", "app", "--ref", "refs/heads/main", "--data-dir", "data"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("the run is dropped") && told.contains("on_new: queue"), "{told}");
    assert_eq!(server.get("/api/v1/runs").await["runs"].as_array().unwrap().len(), 1);
    open(&server);
    server.ended(&first).await;
    run_of(&pushed(&server, "d-3", &commit).await);
}

#[tokio::test]
async fn the_bound_of_a_tenant_holds_whatever_the_workflow_says_by_git() {
    let test = "the_bound_of_a_tenant_holds_whatever_the_workflow_says_by_git";
    let Some((_folder, server, ..)) = factory(test, &[(".image-factory/hello.yaml", HELLO)]).await else {
        return;
    };
    let folder = server.folder.clone();
    server.stop();
    let server = Server::start_with(&folder, |command| command.args(["--set", "limits.runs_per_tenant=1"]));
    let start = || {
        let output = program(&folder)
            .args(["runs", "start", "app", "--output", "json", "--data-dir", "data"])
            .output()
            .unwrap();
        json_of(&output)["run"]["id"].as_str().unwrap_or_else(|| panic!("{output:?}")).to_owned()
    };
    for run in [(); 4].map(|()| start()) {
        assert_eq!(server.ended(&run).await["run"]["status"], "succeeded");
    }
}
