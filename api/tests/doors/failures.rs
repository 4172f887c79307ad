//! What a person is told on the command line when something went wrong on a server.

use std::process::Output;

use crate::harness::{HELLO, Server, factory, json_of, program};

/// The command line as a client of the server over `data`.
fn client(server: &Server, args: &[&str]) -> Output {
    program(&server.folder).args(args).args(["--data-dir", "data"]).output().unwrap()
}

#[tokio::test]
async fn a_refused_start_shows_the_diagnostics_and_how_to_grant_trust_by_git() {
    let test = "a_refused_start_shows_the_diagnostics_and_how_to_grant_trust_by_git";
    let Some((_folder, server, ..)) = factory(test, &[(".image-factory/hello.yaml", HELLO)]).await else {
        return;
    };
    assert!(client(&server, &["projects", "update", "app", "--distrust"]).status.success());
    let output = client(&server, &["runs", "start", "app"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("error[IF0032]") && said.contains("--> .image-factory/hello.yaml:"), "{said}");
    assert!(said.contains("image-factory projects update app --trust host"), "{said}");
    let output = client(&server, &["runs", "start", "app", "--output", "json"]);
    assert_eq!(json_of(&output)["diagnostics"][0]["code"], "IF0032");
}

#[tokio::test]
async fn a_failed_run_shows_how_the_log_ends_and_where_all_of_it_is_by_git() {
    let test = "a_failed_run_shows_how_the_log_ends_and_where_all_of_it_is_by_git";
    let failing = HELLO.replace("sleep 1", "seq 100; exit 3");
    let Some((_folder, server, _, commit)) = factory(test, &[(".image-factory/hello.yaml", &failing)]).await
    else {
        return;
    };
    let output = client(&server, &["runs", "start", "app", "--output", "json"]);
    let run = json_of(&output)["run"]["id"].as_str().unwrap().to_owned();
    let followed = client(&server, &["runs", "follow", &run]);
    assert_eq!(followed.status.code(), Some(1));
    let shown = client(&server, &["runs", "show", &run]);
    let command = format!("`image-factory runs logs {run} 'say' --data-dir data`");
    for said in
        [String::from_utf8(followed.stderr).unwrap(), String::from_utf8(shown.stdout.clone()).unwrap()]
    {
        assert!(said.contains("    | 100\n") && !said.contains("    | 1\n"), "{said}");
        assert!(said.contains(&command), "{said}");
    }
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains(&format!("commit        {commit}")) && shown.contains("trigger       manual"),
        "{shown}"
    );
}
