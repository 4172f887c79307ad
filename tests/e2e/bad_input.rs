//! What bad input gets: a clear answer, and nothing written.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Server, TenantRepository};

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_does_not_compile_starts_no_run_and_says_why_git() {
    let server = Server::start().await;
    let test = "a_workflow_that_does_not_compile_starts_no_run_and_says_why_git";
    let Some(mut repository) = TenantRepository::register(&server, "broken", false, test).await else {
        return;
    };
    repository.write(
        ".image-factory/broken.yaml",
        "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata:\n  name: broken\non:\n  push:\n    branches: [main]\n\
         steps:\n  a:\n    uses: git/fetch@v1\n    needs: [c]\n  c:\n    uses: git/fetsch@v1\n    needs: [a]\n",
    );
    let (status, answer) = repository.push().send(&server).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:#}");
    let text = answer.to_string();
    for wanted in ["IF00", "broken.yaml", "git/fetch@v1", "\"line\":13"] {
        assert!(text.contains(wanted), "`{wanted}` is not in {answer:#}");
    }
    assert_eq!(server.get("/api/v1/runs").await["runs"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_signature_is_refused_before_anything_is_read_git() {
    let server = Server::start().await;
    let test = "a_wrong_signature_is_refused_before_anything_is_read_git";
    let Some(mut repository) = TenantRepository::register(&server, "signed", false, test).await else {
        return;
    };
    let mut delivery = repository.push();
    delivery.body = b"{ this is not even JSON".to_vec();
    let (status, answer) = delivery.send(&server).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer:#}");
    delivery.signature = String::new();
    assert_eq!(delivery.send(&server).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_on_the_host_needs_the_operators_trust_git() {
    let server = Server::start().await;
    let test = "a_step_on_the_host_needs_the_operators_trust_git";
    let Some(mut repository) = TenantRepository::register(&server, "untrusted", false, test).await else {
        return;
    };
    repository.write(
        ".image-factory/host.yaml",
        "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata:\n  name: host\non:\n  push:\n    branches: [main]\n\
         steps:\n  a:\n    uses: shell/run@v1\n    with:\n      script: id\n",
    );
    let (status, answer) = repository.push().send(&server).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:#}");
    assert!(answer.to_string().contains("trust"), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_and_missing_things_are_told_as_problems() {
    let server = Server::start().await;
    let body = json!({ "name": "x", "url": "https://git.example.com/x.git", "colour": "red" });
    let (status, answer) = server.send(Method::POST, "/api/v1/projects", Some(body)).await;
    assert!(status.is_client_error() && answer.to_string().contains("colour"), "{status} {answer:#}");
    let missing = "/api/v1/runs/00000000-0000-7000-8000-000000000000";
    let (status, answer) = server.send(Method::GET, missing, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    for field in ["type", "title", "status"] {
        assert!(!answer[field].is_null(), "{field}: {answer:#}");
    }
    let (status, _) = server.send(Method::GET, "/api/v1/projects/nobody", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/api/v1/projects").await["projects"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_outside_the_allowed_folders_is_refused() {
    let server = Server::start().await;
    let body = json!({ "name": "etc", "url": "file:///etc" });
    let (status, answer) = server.send(Method::POST, "/api/v1/projects", Some(body)).await;
    assert!(status.is_client_error(), "{status} {answer:#}");
    assert!(answer.to_string().contains("git_roots"), "{answer:#}");
}
