//! Events and logs of a run while it goes on.

use futures::StreamExt as _;
use serde_json::Value as Json;

use crate::harness::{HELLO, NONE, factory};

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
async fn a_log_reads_the_same_once_it_is_archived_by_git() {
    let test = "a_log_reads_the_same_once_it_is_archived_by_git";
    let Some((_folder, server, _, commit)) = factory(test, &[(".image-factory/hello.yaml", HELLO)]).await
    else {
        return;
    };
    let answer: Json = server.push("app", "d-1", NONE, &commit).await.json().await.unwrap();
    let run = answer["runs"][0]["run"].as_str().unwrap();
    let read = async |more: &str| {
        let path = format!("/api/v1/runs/{run}/logs?step=say{more}");
        let response = server.request("GET", &path).bearer_auth(&server.token).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    };
    let (_, followed) = read("&follow=true").await;
    let folder = server.folder.join("data/logs").join(run);
    for _ in 0..500 {
        if !folder.exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(!folder.exists(), "the log is still a file");
    for more in ["", "&follow=true", "&attempt=1", "&attempt=1&follow=true"] {
        assert_eq!(read(more).await.1, followed, "{more}");
    }
    let rest = followed.split_once('\n').unwrap().1;
    assert_eq!(read("&offset=1").await.1, rest, "an offset inside a line begins with the next one");
    assert_eq!(read("&attempt=2").await.0, 404);
}
