//! A push becomes an image; the cache, and the way back.

use std::process::Stdio;

use reqwest::StatusCode;
use serde_json::Value as Json;

use crate::support::{Server, TenantRepository, rehash, step};

/// No tool but Git: fetch, assemble, push, tag.
const WORKFLOW: &str = r#"
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: hello
on:
  push:
    branches: [main]
steps:
  source:
    uses: git/fetch@v1
    with:
      path: image
  build:
    uses: container/assemble@v1
    with:
      layers:
        - tree: ${{ steps.source.outputs.tree }}
      cmd: ["/hello"]
  push:
    uses: registry/push@v1
    with:
      image: ${{ steps.build.outputs.image }}
      repository: hello
  tag:
    uses: registry/tag@v1
    with:
      reference: ${{ steps.push.outputs.reference }}
      tag: stable
outputs:
  image: ${{ steps.push.outputs.reference }}
"#;

/// The same, with a last step that fails once the tag was moved.
fn failing() -> String {
    WORKFLOW.replace(
        "outputs:\n",
        "  verdict:\n    needs: [tag]\n    uses: shell/run@v1\n    with:\n      script: exit 1\noutputs:\n",
    )
}

fn statuses(detail: &Json) -> Vec<(String, String, bool)> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let steps = detail["steps"].as_array().unwrap();
    steps.iter().map(|step| (text(&step["path"]), text(&step["status"]), step["cached"] == true)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_becomes_an_image_that_skopeo_pulls() {
    const TEST: &str = "a_push_becomes_an_image_that_skopeo_pulls";
    let Some(skopeo) = test_parts::tool("skopeo", TEST) else { return };
    let server = Server::start().await;
    let Some(mut repository) = TenantRepository::register(&server, "hello", false, TEST).await else {
        return;
    };
    repository.write(".image-factory/hello.yaml", WORKFLOW);
    repository.write("image/hello", "#!/bin/sh\necho hello\n");

    let run = repository.push_run(&server).await;
    let detail = server.finished(&run).await;
    assert_eq!(detail["run"]["status"], "succeeded", "{detail:#}");
    assert_eq!(detail["run"]["compensation"], "none");

    let digest = server.tag("hello", "stable").await.expect("a tag");
    assert_eq!(detail["run"]["outputs"]["image"].as_str().unwrap(), format!("default/hello@{digest}"));
    let layout = server.folder().join("pulled");
    let pulled = skopeo
        .command()
        .args(["--insecure-policy", "copy", "-q", "--src-tls-verify=false", "--src-creds"])
        .arg(format!("admin:{}", server.token()))
        .arg(format!("docker://{}/default/hello@{digest}", server.host()))
        .arg(format!("oci:{}:pulled", layout.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
    assert_eq!(rehash(&layout), 3, "manifest, config and one layer");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_reads_runs_nothing_again_and_what_changed_does_git() {
    let server = Server::start().await;
    let test = "what_nothing_reads_runs_nothing_again_and_what_changed_does_git";
    let Some(mut repository) = TenantRepository::register(&server, "hello", false, test).await else {
        return;
    };
    repository.write(".image-factory/hello.yaml", WORKFLOW);
    repository.write("image/hello", "one\n");
    let first = repository.push_run(&server).await;
    assert_eq!(server.finished(&first).await["run"]["status"], "succeeded");
    let digest = server.tag("hello", "stable").await;

    repository.write("README.md", "for people\n");
    let second = repository.push_run(&server).await;
    let detail = server.finished(&second).await;
    assert_eq!(step(&detail, "build")["cached"], true, "{:?}", statuses(&detail));
    assert!(detail["run"]["duration_ms"].as_u64().unwrap() < 2000, "{detail:#}");
    assert_eq!(server.tag("hello", "stable").await, digest);

    repository.write("image/hello", "two\n");
    let third = repository.push_run(&server).await;
    let detail = server.finished(&third).await;
    assert_eq!(step(&detail, "build")["cached"], false, "{:?}", statuses(&detail));
    assert_ne!(server.tag("hello", "stable").await, digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_last_step_puts_the_tag_back_git() {
    let server = Server::start().await;
    let test = "a_failed_last_step_puts_the_tag_back_git";
    let Some(mut repository) = TenantRepository::register(&server, "hello", true, test).await else { return };
    repository.write(".image-factory/hello.yaml", WORKFLOW);
    repository.write("image/hello", "one\n");
    let first = repository.push_run(&server).await;
    assert_eq!(server.finished(&first).await["run"]["status"], "succeeded");
    let old = server.tag("hello", "stable").await.expect("a tag");

    repository.write(".image-factory/hello.yaml", &failing());
    repository.write("image/hello", "never to be seen\n");
    let second = repository.push_run(&server).await;
    let detail = server.finished(&second).await;
    assert_eq!(detail["run"]["status"], "failed", "{detail:#}");
    assert_eq!(detail["run"]["compensation"], "complete", "{detail:#}");
    assert_eq!(server.tag("hello", "stable").await, Some(old));
    let refused = detail["steps"].as_array().unwrap().iter().find(|step| step["path"] == "push").unwrap();
    let digest = refused["outputs"]["digest"].as_str().unwrap();
    assert_eq!(server.tag("hello", digest).await, None, "the refused image is still published");

    let events = server.events(&second).await;
    let undone = |effect: &str| {
        events.iter().position(|event| {
            event["kind"] == "effect_undone" && event["payload"]["effect"].to_string().contains(effect)
        })
    };
    assert!(undone("publish").is_some() && undone("\"tag\"") < undone("publish"), "{events:#?}");
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].clone()).collect();
    let place = |kind: &str| {
        kinds.iter().position(|found| found == kind).unwrap_or_else(|| panic!("{kind}: {kinds:?}"))
    };
    assert!(
        place("unwinding_started") < place("effect_undone") && place("effect_undone") < place("run_finished")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_starts_no_second_run_git() {
    let server = Server::start().await;
    let test = "a_redelivery_starts_no_second_run_git";
    let Some(mut repository) = TenantRepository::register(&server, "hello", false, test).await else {
        return;
    };
    repository.write(".image-factory/hello.yaml", WORKFLOW);
    repository.write("image/hello", "one\n");
    let delivery = repository.push();
    let (status, first) = delivery.send(&server).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{first:#}");
    let (_, again) = delivery.send(&server).await;
    assert_eq!(first["runs"][0]["run"], again["runs"][0]["run"]);
    assert_eq!(server.get("/api/v1/runs").await["runs"].as_array().unwrap().len(), 1);
}
