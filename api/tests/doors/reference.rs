//! What the reference of the API says, against the server.
//!
//! The list that `GET /api/v1` gives is the table that the server's filters are built from, and each filter stands
//! behind a gate of its own line's path and method. So a route without a line can only come from outside that table:
//! from the registry, or from a filter that somebody joins to all others in `routes/mod.rs` by hand. No test finds the
//! second, since nothing lists what a server would take.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use serde_json::Value as Json;

use crate::harness::{Repository, Server};

/// The page, which a test of the library holds against the table.
const PAGE: &str = include_str!("../../../docs/reference/api.md");
/// What a path is told that no route has.
const NOWHERE: &str = "there is nothing at this path";
/// An id as runs have it.
const RUN: &str = "01a20393-b7d2-7780-990c-5254c9f52bb0";

/// The routes that the server says it has: the methods of each path.
async fn routes(server: &Server) -> BTreeMap<String, BTreeSet<String>> {
    let index: Json = server.request("GET", "/api/v1").send().await.unwrap().json().await.unwrap();
    let mut routes = BTreeMap::<_, BTreeSet<_>>::new();
    for route in index["routes"].as_array().unwrap() {
        let word = |key: &str| route[key].as_str().unwrap().to_owned();
        assert!(routes.entry(word("path")).or_default().insert(word("method")), "{route} stands there twice");
    }
    routes
}

/// A path with something in each place for a parameter.
fn filled(path: &str) -> String {
    let part = |part: &str| match part {
        "{run}" | "{a}" | "{b}" => RUN.to_owned(),
        place if place.starts_with('{') => "nobody".to_owned(),
        word => word.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The status of an answer, and what it says where it is a problem.
async fn asked(server: &Server, method: &str, path: &str, token: bool) -> (StatusCode, String) {
    let mut request = server.request(method, path);
    if token {
        request = request.bearer_auth(&server.token);
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    let problem: Json = response.json().await.unwrap_or_default();
    (status, problem["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn every_route_of_the_list_is_served_and_takes_no_other_method() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let routes = routes(&server).await;
    assert!(routes.len() > 20, "{routes:?}");
    for (path, methods) in &routes {
        for ending in ["", "/"] {
            let path = format!("{}{ending}", filled(path));
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                let (status, detail) = asked(&server, method, &path, true).await;
                if methods.contains(method) {
                    assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
                    assert_ne!(detail, NOWHERE, "{method} {path}");
                } else {
                    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}: {detail}");
                }
            }
        }
        let beyond = format!("{}/far/beyond/it", filled(path));
        assert_eq!(asked(&server, "GET", &beyond, true).await, (StatusCode::NOT_FOUND, NOWHERE.to_owned()));
    }
}

#[tokio::test]
async fn the_page_says_of_each_route_whether_it_needs_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut described = BTreeMap::<_, BTreeSet<_>>::new();
    for chapter in PAGE.split("\n### ").skip(1) {
        let Some((method, path)) = chapter.lines().next().and_then(|line| line.split_once(' ')) else {
            continue;
        };
        described.entry(path.to_owned()).or_default().insert(method.to_owned());
        let (status, _) = asked(&server, method, &filled(path), false).await;
        let open = chapter.contains("It needs no token.");
        assert_eq!(status != StatusCode::UNAUTHORIZED, open, "{method} {path}: {status}");
    }
    assert_eq!(described, routes(&server).await, "the page describes what the server lists");
}

#[tokio::test]
async fn every_metric_that_is_counted_stands_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    server.get("/api/v1/runs").await;
    let text = server.request("GET", "/metrics").send().await.unwrap().text().await.unwrap();
    let names =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next());
    let names: BTreeSet<_> = names.filter(|name| !name.is_empty()).collect();
    assert!(names.contains("image_factory_http_requests_total"), "{names:?}");
    for name in names {
        assert!(PAGE.contains(&format!("| `{name}` |")), "{name} is on no line of the table");
    }
}

/// The blocks of a chapter in a language, one after the other.
fn blocks(chapter: &str, language: &str) -> String {
    let begin = format!("\n## {chapter}\n");
    let text = PAGE.split(&begin).nth(1).unwrap().split("\n## ").next().unwrap();
    text.split(&format!("\n```{language}\n"))
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .fold(String::new(), |all, block| all + block + "\n")
}

#[tokio::test]
async fn the_walkthrough_works_as_it_is_written_by_git_curl_and_jq() {
    let test = "the_walkthrough_works_as_it_is_written_by_git_curl_and_jq";
    let (Some(git), Some(shell)) = (test_parts::tool("git", test), test_parts::tool("bash", test)) else {
        return;
    };
    if test_parts::tool("curl", test).is_none() || test_parts::tool("jq", test).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::new(git, folder.path().join("repo"));
    repository.commit(&[(".image-factory/hello.yaml", &blocks("Walkthrough", "yaml"))]);
    let server = Server::start(folder.path());
    let mut command = shell.command();
    command.args(["-eu", "-o", "pipefail", "-c", &blocks("Walkthrough", "sh")]);
    command.env("URL", &server.url).env("DATA", folder.path().join("data"));
    command.env("REPOSITORY", repository.url());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    for expected in [
        r#"{"status":"ready"}"#,
        "git/fetch@v1: ",
        "/api/v1/webhooks/default/hello\n",
        "event: run_finished\nsucceeded\nsource: succeeded\n",
        " fetching commit ",
        "urn:image-factory:problem:not-found\n",
    ] {
        assert!(said.contains(expected), "{expected} is not in:\n{said}\n{errors}");
    }
}
