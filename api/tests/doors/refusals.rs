//! What callers are told, and what they are never shown.

use serde_json::{Value as Json, json};

use crate::harness::{self, Server};

#[tokio::test]
async fn refusals_are_problems_with_a_stable_type() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let ask = async |method: &str, path: &str, token: Option<&str>, body: Option<(&str, String)>| {
        let mut request = server.request(method, path).header("x-request-id", "r-1");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some((media_type, body)) = body {
            request = request.header("content-type", media_type).body(body);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["x-request-id"], "r-1");
        let problem: Json = response.json().await.unwrap();
        assert_eq!(problem["request_id"], "r-1");
        let slug = problem["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        (problem["status"].as_u64().unwrap(), slug)
    };
    let token = Some(server.token.as_str());
    let json = |text: &str| Some(("application/json", text.to_owned()));
    let unknown = "/api/v1/runs/01a20393-b7d2-7780-990c-5254c9f52bb0";
    for (asked, expected) in [
        (ask("GET", "/api/v1/runs", None, None).await, (401, "unauthenticated")),
        (ask("GET", "/api/v1/runs", Some("wrong"), None).await, (401, "unauthenticated")),
        (ask("GET", unknown, token, None).await, (404, "not-found")),
        (ask("GET", "/api/v1/runs/nonsense", token, None).await, (404, "not-found")),
        (ask("GET", "/nowhere", token, None).await, (404, "not-found")),
        (ask("DELETE", "/api/v1/runs", token, None).await, (405, "method-not-allowed")),
        (ask("GET", "/api/v1/runs?colour=red", token, None).await, (400, "bad-request")),
        (ask("POST", "/api/v1/projects", token, json("{")).await, (400, "bad-request")),
        (ask("POST", "/api/v1/projects", token, json(r#"{"nam": "a"}"#)).await, (400, "bad-request")),
        (
            ask("POST", "/api/v1/projects", token, Some(("text/plain", "{}".into()))).await,
            (415, "unsupported-type"),
        ),
        (
            ask("POST", "/api/v1/projects", token, json(&format!("\"{}\"", "x".repeat(100_000)))).await,
            (413, "too-large"),
        ),
        (
            ask("POST", "/api/v1/projects", token, json(r#"{"name": "A", "url": "https://h/a"}"#)).await,
            (422, "invalid"),
        ),
        (
            ask("POST", "/api/v1/projects", token, json(r#"{"name": "a", "url": "ext::sh"}"#)).await,
            (422, "invalid"),
        ),
        (ask("POST", "/api/v1/plan", token, json(r#"{"text": "a: b"}"#)).await, (422, "does-not-compile")),
    ] {
        assert_eq!(asked, (expected.0, expected.1.to_owned()));
    }
}

#[tokio::test]
async fn secrets_and_tokens_are_shown_once_and_never_in_listings() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let body = json!({ "name": "app", "url": "https://git.example/app.git" });
    let request = server.request("POST", "/api/v1/projects").bearer_auth(&server.token).json(&body);
    let made: Json = request.send().await.unwrap().json().await.unwrap();
    let secret = made["webhook_secret"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 64);
    assert!(server.get("/api/v1/projects/app").await.get("webhook_secret").is_none());
    server.stop();
    for file in ["engine.db", "engine.db-wal", "registry.db", "lock"] {
        let bytes = std::fs::read(folder.path().join("data").join(file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(&secret), "{file} holds the secret in the clear");
        assert!(!text.contains("ifat_"), "{file} holds the token in the clear");
    }
}

#[tokio::test]
async fn the_registry_takes_the_admins_token_as_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    assert_eq!(server.request("GET", "/v2/").send().await.unwrap().status(), 401);
    let login = server.request("GET", "/v2/").basic_auth("admin", Some(&server.token));
    assert_eq!(login.send().await.unwrap().status(), 200);
    let wrong = server.request("GET", "/v2/").basic_auth("admin", Some("wrong"));
    assert_eq!(wrong.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let output = harness::program(folder.path()).args(["serve", "--data-dir", "data"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("in use by `image-factory serve`") && text.contains(&server.url), "{text}");
}

#[tokio::test]
async fn a_token_that_was_removed_from_the_folder_opens_nothing_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let old = server.token.clone();
    std::fs::remove_file(folder.path().join("data/admin.token")).unwrap();
    let server = server.restart();
    assert_ne!(server.token, old);
    for (token, status) in [(&old, 401), (&server.token, 200)] {
        let asked = server.request("GET", "/api/v1/runs").bearer_auth(token).send().await.unwrap();
        assert_eq!(asked.status(), status);
        let asked = server.request("GET", "/v2/").basic_auth("admin", Some(token)).send().await.unwrap();
        assert_eq!(asked.status(), status);
    }
}

#[tokio::test]
async fn inputs_that_fit_no_event_start_no_run() {
    const TAKES_TEXT: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: takes-text
on:
  manual:
inputs:
  text:
    type: string
steps:
  source:
    uses: git/fetch@v1
    with:
      ref: ${{ inputs.text }}
";
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let body = json!({ "text": TAKES_TEXT, "inputs": { "text": "x".repeat(1_000_000) } });
    let request = server.request("POST", "/api/v1/runs").bearer_auth(&server.token).json(&body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 422);
    let problem: Json = response.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("`limits.event_bytes`"), "{problem}");
    assert_eq!(server.get("/api/v1/runs").await["runs"], json!([]));
}
