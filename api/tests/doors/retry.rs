//! A run that is started once more gets what its project may do now, not what it might do then.

use reqwest::Response;
use serde_json::{Value as Json, json};

use crate::harness::{HELLO, Server, factory};

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
