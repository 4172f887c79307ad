//! A run that is started once more gets what its project may do now, not what it might do then.

use reqwest::Response;
use serde_json::{Value as Json, json};

use crate::harness::{HELLO, Server, factory, json_of, program};

/// Fetches, and runs nothing of the tenant's.
const FETCH: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: fetch
on:
  manual:
steps:
  source:
    uses: git/fetch@v1
";

async fn run(server: &Server, workflow: &str) -> String {
    let body = json!({ "project": "app", "workflow": workflow });
    let request = server.request("POST", "/api/v1/runs").bearer_auth(&server.token).json(&body);
    let started: Json = request.send().await.unwrap().json().await.unwrap();
    let run = started["run"]["id"].as_str().unwrap_or_else(|| panic!("{started}")).to_owned();
    assert_eq!(server.ended(&run).await["run"]["status"], "succeeded");
    run
}

async fn retry(server: &Server, run: &str) -> Response {
    let path = format!("/api/v1/runs/{run}/retry");
    server.request("POST", &path).bearer_auth(&server.token).send().await.unwrap()
}

async fn change(server: &Server, body: Json) {
    let request = server.request("PATCH", "/api/v1/projects/app").bearer_auth(&server.token).json(&body);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

async fn runs(server: &Server) -> usize {
    server.get("/api/v1/runs").await["runs"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_retry_never_brings_back_trust_that_was_revoked_by_git() {
    let test = "a_retry_never_brings_back_trust_that_was_revoked_by_git";
    let files = [(".image-factory/hello.yaml", HELLO), (".image-factory/fetch.yaml", FETCH)];
    let Some((_folder, server, ..)) = factory(test, &files).await else { return };
    let (hello, fetch) = (run(&server, "hello").await, run(&server, "fetch").await);
    assert_eq!(retry(&server, &hello).await.status(), 202, "while it holds, trust lets it start");
    assert_eq!(runs(&server).await, 3);

    change(&server, json!({ "trust_host": false })).await;
    let refused = retry(&server, &hello).await;
    assert_eq!(refused.status(), 409);
    let problem: Json = refused.json().await.unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("`say` (isolation `none`)") && detail.contains("--trust host"), "{detail}");
    assert!(!detail.contains("`source`"), "{detail}");
    assert_eq!(runs(&server).await, 3, "nothing was created");
    let retried: Json = retry(&server, &fetch).await.json().await.unwrap();
    let trigger = &retried["run"]["trigger"];
    assert_eq!((&trigger["trust_host"], &trigger["retry_of"]), (&json!(false), &json!(fetch)), "{trigger}");

    let project = server.request("DELETE", "/api/v1/projects/app").bearer_auth(&server.token);
    assert!(project.send().await.unwrap().status().is_success());
    assert_eq!(retry(&server, &hello).await.status(), 409, "nobody vouches for a run without its project");
}

#[tokio::test]
async fn a_retry_opens_the_repository_with_the_secret_that_the_project_names_now_by_git() {
    let test = "a_retry_opens_the_repository_with_the_secret_that_the_project_names_now_by_git";
    let Some((_folder, server, ..)) = factory(test, &[(".image-factory/fetch.yaml", FETCH)]).await else {
        return;
    };
    let fetch = run(&server, "fetch").await;
    let credentials = async || {
        let retried: Json = retry(&server, &fetch).await.json().await.unwrap();
        retried["run"]["trigger"]["source"]["credentials"].clone()
    };
    change(&server, json!({ "credentials_secret": "git-token" })).await;
    assert_eq!(credentials().await, "git-token");
    let project = server.request("DELETE", "/api/v1/projects/app").bearer_auth(&server.token);
    assert!(project.send().await.unwrap().status().is_success());
    assert_eq!(credentials().await, Json::Null);
}

/// Its middle fails, every time.
const CHAIN: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: chain
on:
  manual:
steps:
  source:
    uses: git/fetch@v1
  test:
    uses: shell/run@v1
    needs: [source]
    cache: never
    with:
      script: exit 3
  other:
    uses: shell/run@v1
    cache: never
    with:
      script: echo other
";

#[tokio::test]
async fn a_retry_of_what_failed_shows_from_where_the_rest_was_taken_over_by_git() {
    let test = "a_retry_of_what_failed_shows_from_where_the_rest_was_taken_over_by_git";
    let Some((_folder, server, ..)) = factory(test, &[(".image-factory/chain.yaml", CHAIN)]).await else {
        return;
    };
    let command = |args: &[&str]| {
        let output = program(&server.folder).args(args).args(["--data-dir", "data"]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout.clone()).unwrap(), output)
    };
    let (_, _, started) = command(&["runs", "start", "app", "--output", "json"]);
    let first = json_of(&started)["run"]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.ended(&first).await["run"]["status"], "failed");

    let (ok, _, output) = command(&["runs", "retry", &first, "--failed", "--output", "json"]);
    assert!(ok, "{output:?}");
    let second = json_of(&output)["run"]["id"].as_str().unwrap().to_owned();
    let ended = server.ended(&second).await;
    let steps = ended["steps"].as_array().unwrap();
    let attempts: Vec<_> = steps.iter().map(|step| step["attempts"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [0, 1, 0], "{ended}");
    assert_eq!(steps[0]["taken_over"], json!({ "run": first, "step": "source" }));
    assert_eq!(steps[1].get("taken_over"), None);
    assert_eq!(ended["run"]["trigger"]["again"], "failed");
    let (_, shown, _) = command(&["runs", "show", &second]);
    assert!(shown.contains(&format!("retry of      {first}")), "{shown}");
    assert_eq!(shown.matches(&format!("taken over from {first}")).count(), 2, "{shown}");

    // From a step: the ones beside it are taken over from the run that did the work.
    let (ok, _, output) = command(&["runs", "retry", &second, "--from", "other", "--output", "json"]);
    assert!(ok, "{output:?}");
    let third = json_of(&output)["run"]["id"].as_str().unwrap().to_owned();
    let ended = server.ended(&third).await;
    assert_eq!(ended["steps"][0]["taken_over"]["run"], first.as_str());
    assert_eq!(
        (&ended["steps"][2]["attempts"], &ended["run"]["trigger"]["again"]["from"]),
        (&json!(1), &json!("other"))
    );

    let (ok, _, output) = command(&["runs", "retry", &first, "--from", "sorce"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!ok && said.contains("no step `sorce`; did you mean `source`?"), "{said}");
    for (body, status, said) in [
        (json!({ "failed": true, "from": "test" }), 422, "not both"),
        (json!({ "from": "NO" }), 422, "is not the path of a step"),
        (json!({ "from": "test[1]" }), 404, "has no instance 1"),
        (json!({ "form": "test" }), 400, "unknown field"),
    ] {
        let path = format!("/api/v1/runs/{first}/retry");
        let answer =
            server.request("POST", &path).bearer_auth(&server.token).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{body}");
        let problem: Json = answer.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(said), "{body}: {problem}");
    }
    assert_eq!(runs(&server).await, 3);
}

#[tokio::test]
async fn a_run_in_which_nothing_failed_is_not_retried_for_its_failures_by_git() {
    let test = "a_run_in_which_nothing_failed_is_not_retried_for_its_failures_by_git";
    let Some((_folder, server, ..)) = factory(test, &[(".image-factory/fetch.yaml", FETCH)]).await else {
        return;
    };
    let fetch = run(&server, "fetch").await;
    let path = format!("/api/v1/runs/{fetch}/retry");
    let request = server.request("POST", &path).bearer_auth(&server.token);
    let refused = request.json(&json!({ "failed": true })).send().await.unwrap();
    assert_eq!(refused.status(), 409);
    let problem: Json = refused.json().await.unwrap();
    assert!(problem["help"].as_str().unwrap().contains("--from STEP"), "{problem}");
}
