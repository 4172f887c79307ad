//! What commands that only look show and leave behind.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Server, program};

const WORKFLOW: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: speaks
on:
  manual:
steps:
  say:
    uses: shell/run@v1
    with:
      script: echo hello
";

#[tokio::test]
async fn the_token_of_a_folder_is_not_shown_to_whoever_a_url_names() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    let url = format!("http://{}", stranger.local_addr().unwrap());
    let list = |more: &[&str]| {
        let mut command = program(folder.path());
        command.env("IMAGE_FACTORY_DATA_DIR", "data").args(["runs", "list"]).args(more).output().unwrap()
    };
    assert_eq!(list(&[]).status.code(), Some(0), "its own server is shown it");
    assert_eq!(list(&["--server", &server.url]).status.code(), Some(0), "also where it is named");
    let refused = list(&["--server", &url]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("IMAGE_FACTORY_TOKEN") && said.contains(&url), "{said}");
    assert!(stranger.accept().is_err(), "the stranger was asked");
    let open = list(&["--server", "http://factory.example"]);
    assert!(String::from_utf8(open.stderr).unwrap().contains("--insecure"));
}

#[test]
fn commands_that_read_leave_a_folder_as_it_is_and_serve_takes_none_of_something_else() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("srv");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("index.html"), "").unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(outer.path().join("w.yaml"), WORKFLOW).unwrap();
    let run = |args: &[&str]| program(outer.path()).args(args).args(["--data-dir", "srv"]).output().unwrap();
    let reading: [&[&str]; 2] = [&["runs", "list"], &["doctor"]];
    let working: [&[&str]; 2] =
        [&["serve", "--listen", "127.0.0.1:0"], &["run", "w.yaml", "--trust", "host"]];
    for args in reading.iter().chain(&working) {
        let output = run(args);
        let mode = std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o755, "{args:?} changed who may use the folder");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "{args:?} left something behind");
        if working.contains(args) {
            assert_eq!(output.status.code(), Some(1));
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains("is no data folder") && said.contains("--data-dir"), "{said}");
        }
    }
}
