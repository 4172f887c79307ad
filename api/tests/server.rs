//! The server as Git hosts, scripts and clients see it.

mod harness;

use futures::StreamExt as _;
use harness::{NONE, Repository, Server, sign};
use serde_json::{Value as Json, json};

const HELLO: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: hello
on:
  push:
    branches: [main]
  manual:
steps:
  source:
    uses: git/fetch@v1
  say:
    needs: [source]
    uses: shell/run@v1
    with:
      script: |
        echo hello
        sleep 1
        echo again
";

const DOCS: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: docs
on:
  push:
    paths: [\"docs/**\"]
steps:
  source:
    uses: git/fetch@v1
";

const BROKEN: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: broken
on:
  push: {}
steps:
  a:
    uses: git/fetsch@v1
";

/// A server with the project `app`, whose repository holds `files`; the commit.
async fn factory(
    test: &str,
    files: &[(&str, &str)],
) -> Option<(tempfile::TempDir, Server, Repository, String)> {
    let git = test_parts::tool("git", test)?;
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::new(git, folder.path().join("repo"));
    let commit = repository.commit(files);
    let server = Server::start(folder.path());
    server.project("app", &repository.url()).await;
    Some((folder, server, repository, commit))
}

async fn runs(server: &Server) -> Vec<Json> {
    server.get("/api/v1/runs").await["runs"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_push_starts_a_run_once_however_often_it_is_delivered_by_git() {
    let test = "a_push_starts_a_run_once_however_often_it_is_delivered_by_git";
    let Some((_folder, server, _, commit)) = factory(test, &[(".image-factory/hello.yaml", HELLO)]).await
    else {
        return;
    };
    let first = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(first.status(), 202);
    let first: Json = first.json().await.unwrap();
    let run = first["runs"][0]["run"].as_str().unwrap().to_owned();
    let again = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(again.status(), 202);
    assert_eq!(again.json::<Json>().await.unwrap(), first);
    let detail = server.ended(&run).await;
    assert_eq!(detail["run"]["status"], "succeeded");
    assert_eq!(detail["run"]["trigger"]["actor"], "ada");
    assert_eq!(runs(&server).await.len(), 1);
    let server = server.restart();
    let after = server.push("app", "d-1", NONE, &commit).await.json::<Json>().await.unwrap();
    assert_eq!(after["runs"][0]["run"], run.as_str());
    assert_eq!(runs(&server).await.len(), 1);
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn a_wrong_signature_is_refused_before_anything_is_read_by_git() {
    let test = "a_wrong_signature_is_refused_before_anything_is_read_by_git";
    let Some((_folder, server, _, commit)) = factory(test, &[(".image-factory/hello.yaml", HELLO)]).await
    else {
        return;
    };
    // Not even JSON: were it parsed, the answer would be another.
    let garbage = "{".to_owned();
    let wrong = server.deliver("app", "d-1", "sha256=00", garbage.clone()).await;
    assert_eq!(wrong.status(), 401);
    let problem: Json = wrong.json().await.unwrap();
    assert_eq!(problem["type"], "urn:image-factory:problem:bad-signature");
    assert!(problem["request_id"].is_string());
    let nobody = server.deliver("nobody", "d-1", &sign(garbage.as_bytes()), garbage.clone()).await;
    assert_eq!(nobody.status(), 401, "a project that is not there looks the same");
    assert_eq!(server.deliver("app", "d-1", &sign(garbage.as_bytes()), garbage).await.status(), 400);
    // The refused deliveries left no trace: the same id is still new.
    assert_eq!(server.push("app", "d-1", NONE, &commit).await.status(), 202);
}

#[tokio::test]
async fn each_workflow_of_a_push_is_judged_by_itself_by_git() {
    let test = "each_workflow_of_a_push_is_judged_by_itself_by_git";
    let files = [(".image-factory/hello.yaml", HELLO), (".image-factory/docs.yaml", DOCS)];
    let Some((_folder, server, repository, before)) = factory(test, &files).await else { return };
    let after = repository.commit(&[(".image-factory/broken.yaml", BROKEN)]);
    let response = server.push("app", "d-1", &before, &after).await;
    assert_eq!(response.status(), 422);
    let answer: Json = response.json().await.unwrap();
    assert_eq!(answer["runs"][0]["workflow"], "hello");
    let refused = &answer["refused"][0];
    assert_eq!(refused["file"], ".image-factory/broken.yaml");
    assert_eq!(
        (&refused["diagnostics"][0]["code"], &refused["diagnostics"][0]["line"]),
        (&"IF0027".into(), &9.into())
    );
    assert_eq!(answer["skipped"][0]["reason"], "none of the changed files matches its `paths`");
    let docs = repository.commit(&[("docs/index.md", "x")]);
    let answer: Json = server.push("app", "d-2", &after, &docs).await.json().await.unwrap();
    assert!(answer["runs"].as_array().unwrap().iter().any(|run| run["workflow"] == "docs"));
    let gone: Json = server.push("app", "d-3", &docs, NONE).await.json().await.unwrap();
    assert_eq!(gone["runs"], json!([]));
}

#[tokio::test]
async fn a_follower_resumes_where_it_was_cut_by_git() {
    let test = "a_follower_resumes_where_it_was_cut_by_git";
    let Some((_folder, server, _, commit)) = factory(test, &[(".image-factory/hello.yaml", HELLO)]).await
    else {
        return;
    };
    let answer: Json = server.push("app", "d-1", NONE, &commit).await.json().await.unwrap();
    let run = answer["runs"][0]["run"].as_str().unwrap().to_owned();
    let follow = |last: &str| {
        let request = server.request("GET", &format!("/api/v1/runs/{run}/events")).bearer_auth(&server.token);
        request.header("accept", "text/event-stream").header("last-event-id", last.to_owned()).send()
    };
    // Cut while the run goes on, after the first piece.
    let mut first = follow("0").await.unwrap().bytes_stream();
    let seen = String::from_utf8(first.next().await.unwrap().unwrap().to_vec()).unwrap();
    drop(first);
    let ids = |text: &str| -> Vec<u64> {
        text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect()
    };
    let last = *ids(&seen).last().unwrap();
    let rest = follow(&last.to_string()).await.unwrap().text().await.unwrap();
    let all: Vec<u64> = ids(&seen).into_iter().chain(ids(&rest)).collect();
    let expected: Vec<u64> = (1..=all.len() as u64).collect();
    assert_eq!(all, expected, "no event is missed and none comes twice");
    assert!(rest.contains("event: run_finished"));
}

#[tokio::test]
async fn a_log_is_followed_while_it_grows_by_git() {
    let test = "a_log_is_followed_while_it_grows_by_git";
    let Some((_folder, server, _, commit)) = factory(test, &[(".image-factory/hello.yaml", HELLO)]).await
    else {
        return;
    };
    let answer: Json = server.push("app", "d-1", NONE, &commit).await.json().await.unwrap();
    let run = answer["runs"][0]["run"].as_str().unwrap();
    let path = format!("/api/v1/runs/{run}/logs?step=say&follow=true");
    let log =
        server.request("GET", &path).bearer_auth(&server.token).send().await.unwrap().text().await.unwrap();
    let lines: Vec<_> = log.lines().filter_map(|line| line.split_once(' ')).map(|(_, text)| text).collect();
    assert!(lines.contains(&"hello") && lines.contains(&"again"), "{log}");
}

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

const PUBLISH: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: publish
on:
  push: {}
steps:
  source:
    uses: git/fetch@v1
    with:
      path: site
  build:
    uses: container/assemble@v1
    with:
      layers:
        - tree: ${{ steps.source.outputs.tree }}
          prefix: srv
  push:
    uses: registry/push@v1
    with:
      image: ${{ steps.build.outputs.image }}
      repository: site
  tag:
    uses: registry/tag@v1
    with:
      reference: ${{ steps.push.outputs.reference }}
      tag: stable
outputs:
  digest: ${{ steps.tag.outputs.digest }}
";

/// What the tag `stable` of the site names.
async fn stable(server: &Server) -> String {
    let request = server.request("GET", "/v2/default/site/manifests/stable");
    let response = request.basic_auth("admin", Some(&server.token)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.headers()["docker-content-digest"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_push_becomes_an_image_and_a_failure_puts_the_tag_back_by_git() {
    let test = "a_push_becomes_an_image_and_a_failure_puts_the_tag_back_by_git";
    let files = [(".image-factory/publish.yaml", PUBLISH), ("site/index.html", "one")];
    let Some((_folder, server, repository, first)) = factory(test, &files).await else { return };
    let push = async |delivery: &str, before: &str, after: &str| {
        let answer: Json = server.push("app", delivery, before, after).await.json().await.unwrap();
        let run = answer["runs"][0]["run"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        (server.ended(&run).await, server.get(&format!("/api/v1/runs/{run}/effects")).await)
    };
    let (built, _) = push("d-1", NONE, &first).await;
    assert_eq!(built["run"]["status"], "succeeded", "{built}");
    let digest = built["run"]["outputs"]["digest"].as_str().unwrap().to_owned();
    assert_eq!(stable(&server).await, digest);
    // A commit that changes nothing the steps read: it is fetched, and its tree is the same.
    let second = repository.commit(&[("README", "x")]);
    let (again, _) = push("d-2", &first, &second).await;
    let cached: Vec<_> = again["steps"].as_array().unwrap().iter().map(|step| &step["cached"]).collect();
    assert_eq!(cached, [false, true, false, false], "{again}");
    assert_eq!(stable(&server).await, digest);
    // Another image, and a step that fails after the tag moved.
    let failing = format!(
        "{}  fail:\n    needs: [tag]\n    uses: shell/run@v1\n    with:\n      script: exit 1\n",
        PUBLISH.split("outputs:").next().unwrap()
    );
    let third = repository.commit(&[(".image-factory/publish.yaml", &failing), ("site/index.html", "two")]);
    let (failed, effects) = push("d-3", &second, &third).await;
    assert_eq!(failed["run"]["status"], "failed", "{failed}");
    assert_eq!(failed["run"]["compensation"], "complete", "{failed}");
    let states: Vec<_> = effects.as_array().unwrap().iter().map(|effect| &effect["state"]).collect();
    assert_eq!(states, ["undone", "undone"], "{effects}");
    assert_eq!(stable(&server).await, digest, "the tag names the old image again");
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
