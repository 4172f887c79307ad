//! `admin rebuild` over a data folder that nobody uses.

use std::os::unix::fs::PermissionsExt as _;

use engine_ports::{Projection, RunStore as _};
use engine_stores::SqlRunStore;
use migrations::{Database, Options, Schema};
use serde_json::json;
use vocab::RunStatus;

use crate::harness::{json_of, program};

const GOOD: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: good
on:
  manual:
steps:
  say:
    uses: shell/run@v1
    with:
      script: echo hello
";

#[tokio::test]
async fn rows_that_do_not_follow_from_their_events_are_told_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.yaml"), GOOD).unwrap();
    let run = ["run", "good.yaml", "--trust", "host", "--data-dir", "d", "--output", "json"];
    let run = program(folder.path()).args(run).output().unwrap();
    let run = json_of(&run)["run"]["id"].as_str().unwrap().to_owned();
    let rebuild = |more: &[&str]| {
        let arguments = ["admin", "rebuild", "--output", "json", "--data-dir", "d"];
        let output = program(folder.path()).args(arguments).args(more).output().unwrap();
        (output.status.code(), json_of(&output))
    };
    let (code, report) = rebuild(&["--check"]);
    assert_eq!((code, &report["runs"], &report["differences"]), (Some(0), &json!(1), &json!([])), "{report}");

    let path = folder.path().join("d/engine.db");
    let database = Database::open(path, Schema::Engine, Options::default()).await.unwrap();
    let rows = SqlRunStore::new(database.clone());
    let id = run.parse().unwrap();
    let mut row = rows.run_any_tenant(id).await.unwrap().unwrap();
    row.status = RunStatus::Running;
    let (steps, effects) = (rows.steps(id).await.unwrap(), rows.effects(id).await.unwrap());
    rows.reproject(Projection { run: row, steps, effects }).await.unwrap();
    database.close().await;

    for (more, code) in [(&["--check"][..], 1), (&[], 0)] {
        let (found, report) = rebuild(more);
        let difference = &report["differences"][0];
        assert_eq!(found, Some(code), "{report}");
        assert_eq!((&difference["run"], &difference["field"]), (&json!(run), &json!("status")), "{report}");
        assert_eq!(difference["expected"], "\"succeeded\"", "{report}");
    }
    assert_eq!(rebuild(&["--check"]).0, Some(0));
}

#[test]
fn databases_are_closed_to_others_whichever_command_makes_them() {
    let folder = tempfile::tempdir().unwrap();
    let rebuild = ["admin", "rebuild", "--check", "--data-dir", "d"];
    assert!(program(folder.path()).args(rebuild).output().unwrap().status.success());
    for name in ["engine.db", "registry.db"] {
        let mode = folder.path().join("d").join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}
