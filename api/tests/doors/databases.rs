//! The server on PostgreSQL instead of the file.

use serde_json::Value as Json;

use crate::harness::{HELLO, NONE, Repository, Server, program};

#[tokio::test]
async fn a_run_on_a_server_survives_a_kill_and_leaves_no_row_in_the_file_by_postgres() {
    let test = "a_run_on_a_server_survives_a_kill_and_leaves_no_row_in_the_file_by_postgres";
    let (Some(git), Some(postgres)) = (test_parts::tool("git", test), test_parts::postgres(test)) else {
        return;
    };
    let url = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("image-factory.toml"), format!("[database]\nurl = \"{url}\"\n")).unwrap();
    let repository = Repository::new(git, folder.path().join("repo"));
    let commit = repository.commit(&[(".image-factory/hello.yaml", HELLO)]);
    let server = Server::start(folder.path());
    server.project("app", &repository.url()).await;
    let answer: Json = server.push("app", "d-1", NONE, &commit).await.json().await.unwrap();
    let run = answer["runs"][0]["run"].as_str().unwrap().to_owned();
    let server = server.restart();
    let ready = server.request("GET", "/ready").send().await.unwrap();
    assert_eq!(ready.status(), 200);
    assert_eq!(server.ended(&run).await["run"]["status"], "succeeded");
    // Another process over the same database is told so, and not the password.
    let other = tempfile::tempdir().unwrap();
    let refused = program(other.path())
        .args(["serve", "--data-dir", "data", "--listen", "127.0.0.1:0", "--set"])
        .arg(format!("database.url={url}"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("another process of the factory works on this database"), "{said}");
    let shown = program(folder.path()).args(["config", "show", "--data-dir", "data"]).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let password = url.split([':', '@']).nth(2).unwrap();
    assert!(shown.contains("postgres://***@localhost"), "{shown}");
    for text in [said, shown] {
        assert!(!text.contains(password), "{text}");
    }
    assert_eq!(server.stop(), Some(0));
    assert!(data.join("engine.db").metadata().is_ok_and(|file| file.len() == 0), "the file was used");
}
