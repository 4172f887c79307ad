//! Two runs are compared over the API and on the command line.

use serde_json::{Value as Json, json};

use crate::harness::{Server, factory, json_of, program};

fn workflow(script: &str) -> String {
    format!(
        "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: built
on:
  manual:
inputs:
  greeting:
    type: string
    default: hello
steps:
  source:
    uses: git/fetch@v1
  say:
    needs: [source]
    uses: shell/run@v1
    cache: never
    with:
      script: {script}
      env:
        GREETING: ${{{{ inputs.greeting }}}}
"
    )
}

fn command(server: &Server, args: &[&str]) -> std::process::Output {
    program(&server.folder).args(args).args(["--data-dir", "data"]).output().unwrap()
}

async fn run(server: &Server, more: &[&str]) -> String {
    let output = command(server, &[&["runs", "start", "app", "--output", "json"], more].concat());
    let run = json_of(&output)["run"]["id"].as_str().unwrap_or_else(|| panic!("{output:?}")).to_owned();
    server.ended(&run).await;
    run
}

#[tokio::test]
async fn what_changed_since_the_last_green_run_is_told_by_git() {
    let test = "what_changed_since_the_last_green_run_is_told_by_git";
    let first = workflow("echo one");
    let files = [(".image-factory/built.yaml", first.as_str())];
    let Some((_folder, server, repository, commit)) = factory(test, &files).await else { return };
    let green = run(&server, &[]).await;
    let same = run(&server, &[]).await;
    let second = workflow("exit 3");
    let next = repository.commit(&[(".image-factory/built.yaml", &second)]);
    let red = run(&server, &["--input", "greeting=good morning"]).await;

    let diff = server.get(&format!("/api/v1/runs/{green}/diff/{same}")).await;
    assert_eq!(diff["run"], json!([]), "{diff}");
    let cached = diff["steps"][0]["cache"].as_str().unwrap();
    assert_eq!(cached, format!("from the cache: run {green} computed it"));
    assert_eq!(diff["steps"][1]["cache"], "computed: shell/run@v1 is never cached", "{diff}");

    let diff = server.get(&format!("/api/v1/runs/{green}/diff/{red}")).await;
    let changes = diff["run"].as_array().unwrap();
    let change = |what: &str| changes.iter().find(|change| change["what"] == what).unwrap();
    assert_eq!(change("commit"), &json!({ "what": "commit", "a": commit, "b": next }));
    assert_eq!((&change("input greeting")["a"], &change("status")["b"]), (&json!("hello"), &json!("failed")));
    let source = &diff["steps"][0];
    assert!(source["cache"].as_str().unwrap().contains("what it reads outside"), "{source}");
    assert_eq!(
        source["outputs"].as_array().unwrap().iter().find(|one| one["what"] == "commit").unwrap()["b"],
        json!(next)
    );
    let say = &diff["steps"][1];
    assert_eq!(say["definition"][0]["what"], "with.script", "{say}");
    let inputs: Vec<_> =
        say["inputs"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(inputs, ["env", "script"]);

    let output = command(&server, &["runs", "diff", &green, &red]);
    let printed = String::from_utf8(output.stdout).unwrap();
    for said in [
        "input greeting  hello ",
        "workflow with.script; input env, script",
        "input script: echo one → exit 3",
        "computed: what it reads outside",
    ] {
        assert!(printed.contains(said), "{said}: {printed}");
    }
    let output = command(&server, &["runs", "diff", &green, &red, "--output", "json"]);
    assert_eq!(json_of(&output)["run"], diff["run"]);

    // A retry is compared by what the run gave that did the work.
    let retried = json_of(&command(&server, &["runs", "retry", &red, "--failed", "--output", "json"]));
    let retried = retried["run"]["id"].as_str().unwrap().to_owned();
    server.ended(&retried).await;
    let diff = server.get(&format!("/api/v1/runs/{red}/diff/{retried}")).await;
    assert_eq!(diff["steps"][0]["cache"], format!("taken over from run {red}"));
    assert_eq!(diff["steps"][0]["inputs"], json!([]), "{diff}");

    let missing = "01a20393-b7d2-7780-990c-5254c9f52bb0";
    for path in [format!("{green}/diff/{missing}"), format!("{missing}/diff/{green}")] {
        let request = server.request("GET", &format!("/api/v1/runs/{path}")).bearer_auth(&server.token);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 404);
        let problem: Json = answer.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(missing), "{problem}");
    }
}
