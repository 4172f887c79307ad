//! `kill -9` of the server in each step in turn: after a restart the run goes on, no success is repeated, and nothing
//! that a step started is left.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::support::{Server, TenantRepository};

const STEPS: [&str; 6] = ["source", "orphan", "build", "push", "tag", "slow"];

/// Each kind of step, with one that leaves a child in a session of its own and one that is slow after the tag.
fn workflow(marker: &str) -> String {
    format!(
        r#"
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: crash
on:
  push:
    branches: [main]
steps:
  source:
    uses: git/fetch@v1
    cache: never
    with:
      path: image
  orphan:
    needs: [source]
    uses: shell/run@v1
    with:
      script: |
        ( ( setsid sh -c 'trap "" TERM HUP; while :; do sleep 0.2; done' {marker} >/dev/null 2>&1 & ) & )
        sleep 2
  build:
    needs: [orphan]
    uses: container/assemble@v1
    cache: never
    with:
      layers:
        - tree: ${{{{ steps.source.outputs.tree }}}}
  push:
    uses: registry/push@v1
    with:
      image: ${{{{ steps.build.outputs.image }}}}
      repository: crash
  tag:
    uses: registry/tag@v1
    with:
      reference: ${{{{ steps.push.outputs.reference }}}}
      tag: stable
  slow:
    needs: [tag]
    uses: shell/run@v1
    with:
      script: sleep 1
"#
    )
}

/// The processes on this machine that were given that word.
fn alive(marker: &str) -> BTreeSet<u32> {
    let named = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == marker.as_bytes())
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(named).collect()
}

/// Waits until a process that was given that word is alive.
async fn comes_alive(marker: &str) -> BTreeSet<u32> {
    let started = Instant::now();
    loop {
        let found = alive(marker);
        if !found.is_empty() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "the child that detaches never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn is(event: &Json, kind: &str, path: &str) -> bool {
    event["kind"] == kind && event["payload"]["path"] == path
}

/// Waits until an attempt of `path` has started and has had some time, then kills the server.
pub(crate) async fn kill_in(server: &mut Server, run: &str, path: &str, time: Duration) {
    let started = Instant::now();
    let mut after = 0;
    loop {
        let page = server.get(&format!("/api/v1/runs/{run}/events?after={after}")).await;
        let events = page["events"].as_array().unwrap();
        if events.iter().any(|event| is(event, "attempt_started", path)) {
            tokio::time::sleep(time).await;
            break server.kill();
        }
        assert!(
            !events.iter().any(|event| event["kind"] == "run_finished"),
            "the run ended before {path}: {page:#}"
        );
        after = events.last().map_or(after, |event| event["seq"].as_u64().unwrap());
        assert!(started.elapsed() < Duration::from_secs(180), "{path} never started");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_goes_on_where_it_was_git() {
    let mut server = Server::start().await;
    let test = "a_killed_server_goes_on_where_it_was_git";
    let Some(mut repository) = TenantRepository::register(&server, "crash", true, test).await else { return };
    let marker = format!("left-behind-{}", std::process::id());
    repository.write(".image-factory/crash.yaml", &workflow(&marker));
    let rounds = if test_parts::is_full() { 10 } else { 1 };

    let mut reached = BTreeSet::new();
    for round in 0..rounds {
        for victim in STEPS {
            repository.write("image/data", &format!("{victim} {round} {}", "x".repeat(2_000_000)));
            let run = repository.push_run(&server).await;
            let mut children = BTreeSet::new();
            if victim == "orphan" {
                // A test that kills before there is anything to leave behind shows nothing.
                children = comes_alive(&marker).await;
                server.kill();
            } else {
                kill_in(&mut server, &run, victim, Duration::ZERO).await;
            }
            server.start_again().await;
            // The next attempt has a child of its own.
            let left: Vec<_> = alive(&marker).intersection(&children).copied().collect();
            assert!(left.is_empty(), "children of the killed attempt are alive after the restart: {left:?}");

            let detail = server.finished(&run).await;
            assert_eq!(detail["run"]["status"], "succeeded", "killed in {victim}: {detail:#}");
            let events = server.events(&run).await;
            for step in STEPS {
                let successes = events.iter().filter(|event| is(event, "attempt_succeeded", step)).count();
                assert_eq!(successes, 1, "successes of {step} after a kill in {victim}");
            }
            if events.iter().any(|event| is(event, "attempt_lost", victim)) {
                reached.insert(victim);
            }
            let digest = server.tag("crash", "stable").await.expect("a tag");
            assert!(
                detail["steps"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|step| step["outputs"]["digest"] == digest.as_str())
            );
        }
    }
    assert!(alive(&marker).is_empty(), "something is left when all runs have ended");
    test_parts::note("kill points", &reached.iter().copied().collect::<Vec<_>>().join(" "), test);
    // The quick ones may end before the blow lands; the slow ones cannot.
    for step in ["orphan", "slow"] {
        assert!(reached.contains(step), "{step} was never killed: {reached:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_drains_and_a_run_goes_on_at_the_next_start_git() {
    let mut server = Server::start().await;
    let test = "a_stopped_server_drains_and_a_run_goes_on_at_the_next_start_git";
    let Some(mut repository) = TenantRepository::register(&server, "crash", true, test).await else { return };
    repository.write(".image-factory/crash.yaml", &workflow("drained"));
    repository.write("image/data", "x");
    let run = repository.push_run(&server).await;
    assert_eq!(server.stop(), Some(0), "{}", server.log());
    server.start_again().await;
    assert_eq!(server.finished(&run).await["run"]["status"], "succeeded");
}
