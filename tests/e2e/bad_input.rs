//! What bad input gets: a clear answer, and nothing written.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{GOOD, Server, Setup, TenantRepository};

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
    let said = answer.to_string();
    for wanted in ["IF00", "broken.yaml", "git/fetch@v1", "\"line\":13"] {
        assert!(said.contains(wanted), "`{wanted}` is not in {answer:#}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_cut_and_its_delivery_is_as_new_git() {
    const TEST: &str = "a_body_without_end_is_cut_and_its_delivery_is_as_new_git";
    let server = Server::start_with(Setup::set("limits.body_bytes=64KiB")).await;
    let Some(mut repository) = TenantRepository::register(&server, "large", false, TEST).await else {
        return;
    };
    repository.set_workflow(GOOD);
    repository.write("image/data", "x");
    let delivery = repository.push();
    let grown = delivery.grown(1024 * 1024);
    for (status, answer) in [grown.send(&server).await, grown.send_in_chunks(&server).await] {
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{answer:#}");
        assert!(answer.to_string().contains("65536"), "{answer:#}");
    }
    let name = json!({ "name": "x".repeat(1024 * 1024), "url": "https://git.example.com/x.git" });
    let (status, _) = server.send(Method::POST, "/api/v1/projects", Some(name)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(server.get("/api/v1/runs").await["runs"], json!([]));
    assert_eq!(server.get("/api/v1/projects").await["projects"].as_array().unwrap().len(), 1);

    // The refused ones left nothing behind: the same delivery, at its true size, starts its run.
    let (status, answer) = delivery.send_in_chunks(&server).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer:#}");
    repository.all_is_well(&server).await;
}

/// A workflow that is whole but for `head`, top-level lines, and `steps`.
fn workflow(head: &str, steps: &str) -> String {
    format!(
        "apiVersion: imagefactory/v1\nkind: Workflow\nmetadata:\n  name: bad\non:\n  push:\n    branches: [main]\n\
         {head}steps:\n{steps}"
    )
}

/// Nine levels, each nine times the one below: a third of a billion scalars in half a kilobyte.
fn bomb() -> String {
    let mut text = "x0: &x0 [a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..9 {
        let alias = format!("*x{}", level - 1);
        text.extend([format!("x{level}: &x{level} ["), [alias.as_str(); 9].join(", "), "]\n".to_owned()]);
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_workflow_starts_no_run_and_the_next_good_push_does_git() {
    const TEST: &str = "what_is_no_workflow_starts_no_run_and_the_next_good_push_does_git";
    let server = Server::start().await;
    let Some(mut repository) = TenantRepository::register(&server, "nonsense", false, TEST).await else {
        return;
    };
    let step = "  a:\n    uses: git/fetch@v1\n";
    let cases = [
        ("an unknown top-level key", workflow("colour: red\n", step), "colour"),
        ("an unknown key of a step", workflow("", &format!("{step}    whith: {{}}\n")), "whith"),
        ("an unknown input", workflow("", &format!("{step}    with:\n      pth: a\n")), "pth"),
        ("a bomb of aliases", workflow(&bomb(), step), "alias"),
        ("a bomb of depth", workflow(&format!("x: {}\n", "[".repeat(20_000)), step), "deep"),
        (
            "a cycle of needs",
            workflow(
                "",
                "  a:\n    uses: git/fetch@v1\n    needs: [c]\n  b:\n    uses: git/fetch@v1\n    needs: [a]\n  \
                 c:\n    uses: git/fetch@v1\n    needs: [b]\n",
            ),
            "`a` needs `c` needs `b` needs `a`",
        ),
        ("a step that needs itself", workflow("", "  a:\n    uses: git/fetch@v1\n    needs: [a]\n"), "`a`"),
        ("no YAML", "\u{0}\u{1}{{{".to_owned(), "IF00"),
    ];
    for (what, text, wanted) in cases {
        repository.set_workflow(&text);
        let (status, answer) = repository.push().send(&server).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{what}: {answer:#}");
        let refused = &answer["refused"][0];
        assert_eq!(refused["file"], ".image-factory/test.yaml", "{what}: {answer:#}");
        assert!(answer.to_string().contains("IF00"), "{what}: {answer:#}");
        assert!(answer.to_string().contains(wanted), "{what}: `{wanted}` is not in {answer:#}");
        assert!(answer.to_string().len() < 100_000, "{what}: the answer is as bad as the question");
    }
    assert_eq!(server.get("/api/v1/runs").await["runs"], json!([]));
    repository.all_is_well(&server).await;
}
