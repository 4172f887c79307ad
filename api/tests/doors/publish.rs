//! From a push to an image in the registry, without a tool but Git.

use serde_json::Value as Json;

use crate::harness::{NONE, Server, factory};

const PUBLISH: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: publish
on:
  push: {}
steps:
  source:
    uses: git/fetch@v1
    with:
      path: site
  build:
    uses: container/assemble@v1
    with:
      layers:
        - tree: ${{ steps.source.outputs.tree }}
          prefix: srv
  push:
    uses: registry/push@v1
    with:
      image: ${{ steps.build.outputs.image }}
      repository: site
  tag:
    uses: registry/tag@v1
    with:
      reference: ${{ steps.push.outputs.reference }}
      tag: stable
outputs:
  digest: ${{ steps.tag.outputs.digest }}
";

/// What the tag `stable` of the site names.
async fn stable(server: &Server) -> String {
    let request = server.request("GET", "/v2/default/site/manifests/stable");
    let response = request.basic_auth("admin", Some(&server.token)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.headers()["docker-content-digest"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_push_becomes_an_image_and_a_failure_puts_the_tag_back_by_git() {
    let test = "a_push_becomes_an_image_and_a_failure_puts_the_tag_back_by_git";
    let files = [(".image-factory/publish.yaml", PUBLISH), ("site/index.html", "one")];
    let Some((_folder, server, repository, first)) = factory(test, &files).await else { return };
    let push = async |delivery: &str, before: &str, after: &str| {
        let answer: Json = server.push("app", delivery, before, after).await.json().await.unwrap();
        let run = answer["runs"][0]["run"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        (server.ended(&run).await, server.get(&format!("/api/v1/runs/{run}/effects")).await)
    };
    let (built, _) = push("d-1", NONE, &first).await;
    assert_eq!(built["run"]["status"], "succeeded", "{built}");
    let digest = built["run"]["outputs"]["digest"].as_str().unwrap().to_owned();
    assert_eq!(stable(&server).await, digest);
    // A commit that changes nothing the steps read: it is fetched, and its tree is the same.
    let second = repository.commit(&[("README", "x")]);
    let (again, _) = push("d-2", &first, &second).await;
    let cached: Vec<_> = again["steps"].as_array().unwrap().iter().map(|step| &step["cached"]).collect();
    assert_eq!(cached, [false, true, false, false], "{again}");
    assert_eq!(stable(&server).await, digest);
    // Another image, and a step that fails after the tag moved.
    let failing = format!(
        "{}  fail:\n    needs: [tag]\n    uses: shell/run@v1\n    with:\n      script: exit 1\n",
        PUBLISH.split("outputs:").next().unwrap()
    );
    let third = repository.commit(&[(".image-factory/publish.yaml", &failing), ("site/index.html", "two")]);
    let (failed, effects) = push("d-3", &second, &third).await;
    assert_eq!(failed["run"]["status"], "failed", "{failed}");
    assert_eq!(failed["run"]["compensation"], "complete", "{failed}");
    let states: Vec<_> = effects.as_array().unwrap().iter().map(|effect| &effect["state"]).collect();
    assert_eq!(states, ["undone", "undone"], "{effects}");
    assert_eq!(stable(&server).await, digest, "the tag names the old image again");
}
