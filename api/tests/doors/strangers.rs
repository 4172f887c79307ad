//! Deliveries by those who know an address and no secret.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{HELLO, NONE, Server, factory};

/// A delivery that promises a body and sends none of it.
async fn stall(server: &Server, project: &str, signature: Option<&str>) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
    let signature = signature.map(|text| format!("x-hub-signature-256: {text}\r\n")).unwrap_or_default();
    let head = format!(
        "POST /api/v1/webhooks/default/{project} HTTP/1.1\r\nhost: h\r\ncontent-length: 1000\r\n\
         content-type: application/json\r\nx-github-event: push\r\n{signature}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// The status that comes within a second, if one does.
async fn status(stream: &mut TcpStream) -> Option<String> {
    let mut head = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(1), stream.read_exact(&mut head)).await;
    read.ok()?.ok()?;
    Some(String::from_utf8_lossy(&head[9..]).into_owned())
}

#[tokio::test]
async fn strangers_who_hold_their_bodies_back_keep_nobody_elses_from_being_read_by_git() {
    let test = "strangers_who_hold_their_bodies_back_keep_nobody_elses_from_being_read_by_git";
    let Some((_folder, server, repository, commit)) =
        factory(test, &[(".image-factory/hello.yaml", HELLO)]).await
    else {
        return;
    };
    server.project("other", &repository.url()).await;
    let claimed = format!("sha256={}", "00".repeat(32));
    for wrong in [None, Some("sha256=00"), Some("sha1=00")] {
        for project in ["app", "nobody"] {
            let mut stream = stall(&server, project, wrong).await;
            assert_eq!(status(&mut stream).await.as_deref(), Some("401"), "{wrong:?} of {project}");
        }
    }
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(stall(&server, "app", Some(&claimed)).await);
        held.push(stall(&server, "nobody", Some(&claimed)).await);
    }
    assert_eq!(status(&mut held[0]).await, None, "nothing tells whether there is a project");
    assert_eq!(status(&mut held[1]).await, None, "nothing tells whether there is a project");
    let answer = server.push("other", "d-1", NONE, &commit).await;
    assert_eq!(answer.status(), 202);
    assert!(answer.json::<Json>().await.unwrap()["runs"][0]["run"].is_string());
    // Those who send nothing lose their places soon.
    let mut late = None;
    for _ in 0..20 {
        let answer = server.push("app", "d-1", NONE, &commit).await;
        late = Some(answer.status().as_u16());
        if late == Some(202) {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(late, Some(202));
}
