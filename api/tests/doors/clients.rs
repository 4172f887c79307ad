//! What commands that talk to a server show it.

use std::net::TcpListener;

use crate::harness::{Server, program};

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
