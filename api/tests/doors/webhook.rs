//! Pushes as a Git host delivers them.

use std::time::Duration;

use engine_ports::{Delivery, NewDelivery, ProjectStore as _};
use engine_stores::SqliteProjectStore;
use migrations::{Database, Options, Schema};
use serde_json::{Value as Json, json};
use vocab::Timestamp;

use crate::harness::{HELLO, NONE, Repository, Server, factory, sign};

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
    assert_eq!(response.status(), 202, "what compiles starts, whatever else is refused");
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
async fn a_push_that_starts_nothing_and_is_refused_is_unprocessable_by_git() {
    let test = "a_push_that_starts_nothing_and_is_refused_is_unprocessable_by_git";
    let Some((_folder, server, _, commit)) = factory(test, &[(".image-factory/broken.yaml", BROKEN)]).await
    else {
        return;
    };
    let response = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(response.status(), 422);
    assert_eq!(response.json::<Json>().await.unwrap()["refused"][0]["file"], ".image-factory/broken.yaml");
}

#[tokio::test]
async fn a_workflow_that_is_too_large_keeps_no_other_from_starting_by_git() {
    let test = "a_workflow_that_is_too_large_keeps_no_other_from_starting_by_git";
    let large = format!("{HELLO}# {}\n", "x".repeat(1 << 20));
    let Some((_folder, server, repository, alone)) =
        factory(test, &[(".image-factory/large.yaml", &large)]).await
    else {
        return;
    };
    let response = server.push("app", "d-1", NONE, &alone).await;
    assert_eq!(response.status(), 422, "nothing started");
    let refused = response.json::<Json>().await.unwrap()["refused"][0].clone();
    assert_eq!(refused["file"], ".image-factory/large.yaml");
    let diagnostic = &refused["diagnostics"][0];
    assert_eq!((&diagnostic["code"], &diagnostic["file"]), (&"IF0001".into(), &refused["file"]));
    let (message, help) = (diagnostic["message"].as_str().unwrap(), diagnostic["help"].as_str().unwrap());
    assert!(message.contains(&large.len().to_string()) && message.contains("1048576"), "{message}");
    assert!(help.contains("limits.workflow_bytes"), "{help}");
    let both = repository.commit(&[(".image-factory/hello.yaml", HELLO)]);
    let response = server.push("app", "d-2", &alone, &both).await;
    assert_eq!(response.status(), 202);
    let answer: Json = response.json().await.unwrap();
    assert_eq!((&answer["runs"][0]["workflow"], &answer["refused"][0]), (&"hello".into(), &refused));
}

#[tokio::test]
async fn more_workflow_files_than_are_read_are_refused_with_their_number_by_git() {
    let test = "more_workflow_files_than_are_read_are_refused_with_their_number_by_git";
    let paths: Vec<_> = (0..101).map(|number| format!(".image-factory/{number}.yaml")).collect();
    let files: Vec<_> = paths.iter().map(|path| (path.as_str(), BROKEN)).collect();
    let Some((folder, server, repository, commit)) = factory(test, &files).await else { return };
    let response = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(response.status(), 422, "whoever pushed can mend it");
    let answer: Json = response.json().await.unwrap();
    let refused = &answer["refused"][0];
    assert_eq!((&refused["file"], &answer["refused"][1]), (&".image-factory/".into(), &Json::Null));
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains("101 workflow files") && reason.contains("at most 100"), "{reason}");
    assert!(reason.contains("merge or remove some") && !reason.contains("address"), "{reason}");
    let by_hand = server.request("POST", "/api/v1/runs").bearer_auth(&server.token);
    let by_hand = by_hand.json(&json!({ "project": "app", "workflow": "hello" })).send().await.unwrap();
    assert_eq!(by_hand.status(), 422);
    assert_eq!(by_hand.json::<Json>().await.unwrap()["detail"], reason);
    repository.git(&["rm", "--quiet", ".image-factory/100.yaml"]);
    let fewer = repository.commit(&[(".image-factory/0.yaml", HELLO)]);
    let response = server.push("app", "d-2", &commit, &fewer).await;
    assert_eq!(response.status(), 202, "a hundred are read");
    server.stop();
    let server =
        Server::start_with(folder.path(), |command| command.args(["--set", "limits.workflow_files=99"]));
    let response = server.push("app", "d-3", &fewer, &fewer).await;
    assert_eq!(response.status(), 422, "the operator sets the bound");
    let answer: Json = response.json().await.unwrap();
    let reason = answer["refused"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("at most 99") && reason.contains("`limits.workflow_files`"), "{reason}");
}

#[tokio::test]
async fn a_failed_delivery_names_its_request_and_itself_apart_by_git() {
    let test = "a_failed_delivery_names_its_request_and_itself_apart_by_git";
    let Some((_folder, server, repository, commit)) =
        factory(test, &[(".image-factory/hello.yaml", HELLO)]).await
    else {
        return;
    };
    std::fs::rename(&repository.folder, repository.folder.with_extension("away")).unwrap();
    let response = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(response.status(), 502);
    let request = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: Json = response.json().await.unwrap();
    assert_eq!((&problem["request_id"], &problem["delivery"]), (&request.into(), &"d-1".into()));
    let kept = server.get("/api/v1/projects/app/deliveries/d-1").await["answer"].clone();
    assert_eq!((&kept["request_id"], &kept["delivery"]), (&Json::Null, &"d-1".into()));
    std::fs::rename(repository.folder.with_extension("away"), &repository.folder).unwrap();
    assert_eq!(server.push("app", "d-1", NONE, &commit).await.status(), 202, "a redelivery tries again");
}

/// Writes pushes into the server's database as a server does whose store fails right after it accepted them.
pub(crate) async fn accept(server: &Server, commit: &str, deliveries: &[&str]) {
    let path = server.folder.join("data/engine.db");
    let database = Database::open(&path, Schema::Engine, Options::default()).await.unwrap();
    let projects = SqliteProjectStore::new(database.clone());
    let project = projects.by_name(&"default".parse().unwrap(), &"app".parse().unwrap()).await.unwrap();
    for (number, delivery) in deliveries.iter().enumerate() {
        let new = NewDelivery {
            project: project.as_ref().unwrap().id,
            delivery: (*delivery).to_owned(),
            event: "push".to_owned(),
            payload: json!({ "git_ref": "refs/heads/main", "commit": commit, "before": null, "actor": "ada" }),
            at: Timestamp::from_millis(i64::try_from(number).unwrap()),
        };
        assert_eq!(projects.accept(new).await.unwrap(), Delivery::New);
    }
    database.close().await;
}

#[tokio::test]
async fn a_delivery_that_nobody_works_on_is_continued_by_a_redelivery_and_by_the_clock_by_git() {
    let test = "a_delivery_that_nobody_works_on_is_continued_by_a_redelivery_and_by_the_clock_by_git";
    let Some((_folder, server, _, commit)) = factory(test, &[(".image-factory/hello.yaml", HELLO)]).await
    else {
        return;
    };
    accept(&server, &commit, &["d-1", "d-2"]).await;
    let again = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(again.status(), 202);
    let again: Json = again.json().await.unwrap();
    assert_eq!(again["runs"][0]["workflow"], "hello", "{again}");
    let mut other = Json::Null;
    for _ in 0..90 {
        other = server.get("/api/v1/projects/app/deliveries/d-2").await;
        if other["state"] == "done" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(other["answer"]["runs"][0]["workflow"], "hello", "{other}");
    assert_eq!(runs(&server).await.len(), 2);
}

#[tokio::test]
async fn a_repository_that_never_answers_keeps_no_other_project_waiting_by_git() {
    let test = "a_repository_that_never_answers_keeps_no_other_project_waiting_by_git";
    let Some(git) = test_parts::tool("git", test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::new(git, folder.path().join("repo"));
    let commit = repository.commit(&[(".image-factory/hello.yaml", HELLO)]);
    // Connections are taken up by the system, and nobody ever reads from them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::start_with(folder.path(), |command| {
        command.args(["--set", "limits.webhook_seconds=1", "--set", "steps.git_local_hosts=127.0.0.1"])
    });
    server.project("slow", &format!("https://{}/repo.git", silent.local_addr().unwrap())).await;
    server.project("app", &repository.url()).await;
    let pushes = (0..6).map(|number| {
        let (server, commit) = (&server, &commit);
        async move { server.push("slow", &format!("s-{number}"), NONE, commit).await }
    });
    for response in futures::future::join_all(pushes).await {
        assert_eq!(response.status(), 202);
        assert!(response.json::<Json>().await.unwrap()["runs"].as_array().is_none_or(Vec::is_empty));
    }
    silent.accept().unwrap();
    let started = server.push("app", "d-1", NONE, &commit).await.json::<Json>().await.unwrap();
    assert_eq!(started["runs"][0]["workflow"], "hello", "{started}");
}
