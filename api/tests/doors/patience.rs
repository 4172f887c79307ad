//! Deliveries that take longer than a Git host waits.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value as Json;
use test_parts::Tool;

use crate::harness::{HELLO, NONE, Repository, Server};

/// The real Git behind a gate: it starts to work when the gate is opened.
struct Gate(PathBuf);

impl Gate {
    fn around(git: &Tool, folder: &Path) -> Self {
        let (bin, closed) = (folder.join("bin"), folder.join("closed"));
        std::fs::create_dir(&bin).unwrap();
        std::fs::write(&closed, "").unwrap();
        let (gate, program) = (closed.display(), git.path.display());
        let script =
            format!("#!/bin/sh\nwhile [ -e '{gate}' ]; do sleep 0.05; done\nexec '{program}' \"$@\"\n");
        let path = bin.join("git");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(closed)
    }

    fn open(&self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// A server that waits one second for the outcome of a delivery, and cannot read the project `app` until the gate
/// is opened.
async fn gated(test: &str) -> Option<(tempfile::TempDir, Server, Repository, String, Gate)> {
    let git = test_parts::tool("git", test)?;
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::around(&git, folder.path());
    let repository = Repository::new(git, folder.path().join("repo"));
    let commit = repository.commit(&[(".image-factory/hello.yaml", HELLO)]);
    let server = Server::start_with(folder.path(), |command| {
        let tools = folder.path().join("bin");
        command.env("IMAGE_FACTORY_TOOLS", tools).args(["--set", "limits.webhook_seconds=1"])
    });
    server.project("app", &repository.url()).await;
    Some((folder, server, repository, commit, gate))
}

/// The delivery at the address that the first answer named, once it is done.
async fn outcome(server: &Server, url: &str) -> Json {
    let path = url.strip_prefix(&server.url).expect("the address is this server's");
    for _ in 0..200 {
        let view = server.get(path).await;
        if view["state"] == "done" {
            return view;
        }
        assert_eq!(view["state"], "pending", "{view}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the delivery is never done");
}

#[tokio::test]
async fn a_delivery_that_takes_too_long_is_answered_with_the_place_of_its_outcome_by_git() {
    let test = "a_delivery_that_takes_too_long_is_answered_with_the_place_of_its_outcome_by_git";
    let Some((_folder, server, _, commit, gate)) = gated(test).await else { return };
    let answer = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(answer.status(), 202);
    let answer: Json = answer.json().await.unwrap();
    assert_eq!((&answer["delivery"], &answer["state"]), (&"d-1".into(), &"pending".into()), "{answer}");
    let url = answer["url"].as_str().unwrap().to_owned();
    // Asked again meanwhile, nobody begins a second time.
    let again = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(again.status(), 202);
    assert_eq!(again.json::<Json>().await.unwrap(), answer);
    gate.open();
    let view = outcome(&server, &url).await;
    let run = view["answer"]["runs"][0]["run"].as_str().unwrap_or_else(|| panic!("{view}")).to_owned();
    assert_eq!(view["answer"]["runs"][0]["workflow"], "hello");
    assert_eq!(server.ended(&run).await["run"]["status"], "succeeded");
    let late = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(late.status(), 202);
    assert_eq!(late.json::<Json>().await.unwrap(), view["answer"], "from now on the outcome is the answer");
    assert_eq!(server.get("/api/v1/runs").await["runs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_delivery_that_fails_after_its_answer_says_so_where_the_answer_pointed_by_git() {
    let test = "a_delivery_that_fails_after_its_answer_says_so_where_the_answer_pointed_by_git";
    let Some((_folder, server, repository, commit, gate)) = gated(test).await else { return };
    let answer = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(answer.status(), 202);
    let url = answer.json::<Json>().await.unwrap()["url"].as_str().unwrap().to_owned();
    std::fs::rename(&repository.folder, repository.folder.with_extension("away")).unwrap();
    gate.open();
    let view = outcome(&server, &url).await;
    let problem = &view["answer"];
    assert_eq!((&problem["status"], &problem["delivery"]), (&502.into(), &"d-1".into()), "{view}");
    assert!(problem["detail"].is_string() && problem["help"].is_string(), "{view}");
}
