//! A server that was told to end, while attempts still have their time.

use std::time::Duration;

use futures::StreamExt as _;
use nix::sys::signal::Signal;
use serde_json::Value as Json;
use tokio::net::TcpStream;

use crate::harness::{NONE, Repository, Server};

const SPEAKS: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: speaks
on:
  push: {}
steps:
  say:
    uses: shell/run@v1
    with:
      script: |
        echo before
        sleep 4
        echo after
";

#[tokio::test]
async fn a_server_that_drains_takes_nothing_new_and_ends_what_is_under_way_by_git() {
    let test = "a_server_that_drains_takes_nothing_new_and_ends_what_is_under_way_by_git";
    let Some(git) = test_parts::tool("git", test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::new(git, folder.path().join("repo"));
    let commit = repository.commit(&[(".image-factory/speaks.yaml", SPEAKS)]);
    let server =
        Server::start_with(folder.path(), |command| command.args(["--set", "limits.drain_seconds=30"]));
    server.project("app", &repository.url()).await;
    let answer: Json = server.push("app", "d-1", NONE, &commit).await.json().await.unwrap();
    let run = answer["runs"][0]["run"].as_str().unwrap();
    let path = format!("/api/v1/runs/{run}/logs?step=say&follow=true");
    let follower = server.request("GET", &path).bearer_auth(&server.token).send().await.unwrap();
    let mut log = follower.bytes_stream();
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains("before") {
        said.extend(log.next().await.unwrap().unwrap());
    }
    // A second connection, which stays.
    assert_eq!(server.get("/api/v1/runs").await["runs"].as_array().unwrap().len(), 1);
    server.signal(Signal::SIGTERM);
    // Each answer is read to its end, so that the next request finds the connection free.
    let ask = async |method: &str, path: &str| {
        let answer = server.request(method, path).bearer_auth(&server.token).send().await.unwrap();
        let (status, again) = (answer.status(), answer.headers().contains_key("retry-after"));
        answer.bytes().await.unwrap();
        (status.as_u16(), again)
    };
    for _ in 0..100 {
        if ask("GET", "/ready").await == (503, true) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let address = server.url.strip_prefix("http://").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(address).await.is_err(), "a new connection is let in");
    assert_eq!(ask("GET", "/ready").await, (503, true));
    assert_eq!(ask("GET", "/health").await, (200, false));
    assert_eq!(ask("GET", &format!("/api/v1/runs/{run}")).await, (200, false));
    assert_eq!(ask("POST", "/v2/default/app/blobs/uploads/").await, (503, true), "a push begins");
    assert_eq!(ask("DELETE", "/api/v1/projects/app").await, (503, true), "a project is changed");
    while let Some(Ok(chunk)) = log.next().await {
        said.extend(chunk);
    }
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("after"), "the follower was cut: {said}");
    assert_eq!(server.wait(), Some(0));
}
