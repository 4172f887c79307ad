//! Fetching over the network: a daemon behind a mirror, https with a password and an authority of our own.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use steps_kit::harness::Harness;
use steps_kit::outputs;
use vocab::{ErrorClass, Inputs, Value};

use crate::fixture::{Repository, fetch, files};
use crate::watched::{Server, watch_arguments};

const TOKEN: &str = "s3cr3t-t0ken-that-nobody-may-see";

/// An https server for the repository, its URL, and a world that trusts it and knows the token.
fn https(repository: &Repository, test: &str) -> Option<(Server, String, Harness)> {
    let python = test_parts::tool("python3", test)?;
    let openssl = test_parts::tool("openssl", test)?;
    let (certificate, key) = (repository.root().join("cert.pem"), repository.root().join("key.pem"));
    let made = openssl
        .command()
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let backend = Path::new(repository.git(&["--exec-path"]).trim()).join("git-http-backend");
    let mut server = python
        .command()
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/git/https_backend.py"))
        .arg(backend)
        .arg(repository.root())
        .args([&certificate, &key])
        .env("PAIR", format!("x-access-token:{TOKEN}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let mut harness = Harness::new();
    harness.settings.ca_bundle = Some(certificate);
    harness.settings.git_local_hosts = vec!["127.0.0.1".to_owned()];
    harness.secrets.add("token", TOKEN);
    harness.secrets.add("wrong", "another-token");
    Some((Server(server), format!("https://127.0.0.1:{}", port.trim()), harness))
}

fn with(url: &str, secret: &str) -> Inputs {
    let mut inputs = outputs([("url", url.into())]);
    if !secret.is_empty() {
        inputs.insert("credentials".to_owned(), Value::Secret(vocab::SecretRef(secret.to_owned())));
    }
    inputs
}

#[tokio::test]
async fn a_token_opens_an_https_repository_and_is_seen_nowhere_git() {
    let test = "a_token_opens_an_https_repository_and_is_seen_nowhere_git";
    let Some(repository) = Repository::new(test) else { return };
    let Some((_server, host, harness)) = https(&repository, test) else { return };
    let stop = Arc::new(AtomicBool::new(false));
    let watch = watch_arguments(TOKEN.to_owned(), Arc::clone(&stop));
    let action = crate::fixture::action();
    let ctx = harness.context(&*action);
    let mut inputs = with(&format!("{host}/repo/.git"), "token");
    inputs.insert("timestamp".to_owned(), 0.into());
    let fetched = action.execute(&ctx, inputs).await;
    stop.store(true, Ordering::SeqCst);
    let seen = watch.join().unwrap();
    let fetched = fetched.unwrap();
    assert_eq!(files(&harness, &fetched)["README.md"], "hello\n");
    assert_eq!(seen, BTreeSet::new());
    assert!(!harness.log.text().contains(TOKEN));
    let mut open = vec![ctx.work.clone()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                let holds = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
                assert!(!holds, "{} holds the token", path.display());
            }
        }
    }
}

#[tokio::test]
async fn what_a_server_refuses_has_the_class_that_decides_about_a_retry_git() {
    let test = "what_a_server_refuses_has_the_class_that_decides_about_a_retry_git";
    let Some(repository) = Repository::new(test) else { return };
    let Some((server, host, mut harness)) = https(&repository, test) else { return };
    let cases = [
        (with(&format!("{host}/repo/.git"), "wrong"), ErrorClass::Auth),
        (with(&format!("{host}/repo/.git"), ""), ErrorClass::Auth),
        (with(&format!("{host}/busy/repo/.git"), "token"), ErrorClass::Transient),
        (with(&format!("{host}/none/.git"), "token"), ErrorClass::Permanent),
        (with(&format!("{host}/repo/.git"), "no-such-secret"), ErrorClass::Permanent),
    ];
    for (inputs, class) in cases {
        let error = fetch(&harness, inputs).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(!format!("{error:?}").contains(TOKEN), "{error}");
    }
    // Where a redirect leads, nobody has looked.
    for secret in ["token", ""] {
        let moved = fetch(&harness, with(&format!("{host}/moved/repo/.git"), secret)).await.unwrap_err();
        assert!(moved.help.as_ref().unwrap().contains("redirects are not followed"), "{moved:?}");
        assert_eq!(moved.class, ErrorClass::Permanent);
    }
    drop(server);
    let gone = fetch(&harness, with(&format!("{host}/repo/.git"), "token")).await.unwrap_err();
    assert_eq!(gone.class, ErrorClass::Transient, "{gone}");
    harness.settings.ca_bundle = None;
    harness.cancel.cancel();
    assert!(fetch(&harness, with(&format!("{host}/repo/.git"), "token")).await.is_err());
}

#[tokio::test]
async fn the_worker_itself_is_asked_only_where_the_operator_lists_it_git() {
    let test = "the_worker_itself_is_asked_only_where_the_operator_lists_it_git";
    let Some(repository) = Repository::new(test) else { return };
    let Some((_server, host, mut harness)) = https(&repository, test) else { return };
    fetch(&harness, with(&format!("{host}/repo/.git"), "token")).await.unwrap();
    harness.settings.git_local_hosts.clear();
    for url in [format!("{host}/repo/.git"), format!("{host}/repo/.git").replace("127.0.0.1", "localhost")] {
        let error = fetch(&harness, with(&url, "token")).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permanent, "{error}");
        assert!(error.message.contains("loopback") && error.message.contains(&url), "{error}");
        assert!(error.help.unwrap().contains("steps.git_local_hosts"));
    }
}

#[tokio::test]
async fn a_server_that_hands_out_no_commit_by_its_id_is_asked_for_the_history_git() {
    let test = "a_server_that_hands_out_no_commit_by_its_id_is_asked_for_the_history_git";
    let Some(repository) = Repository::new(test) else { return };
    let Some((_server, host, harness)) = https(&repository, test) else { return };
    let older = repository.head();
    repository.write("README.md", "newer\n");
    repository.commit("newer");
    for hint in [None, Some("main")] {
        let mut inputs = with(&format!("{host}/old/repo/.git"), "token");
        inputs.insert("commit".to_owned(), older.as_str().into());
        inputs.extend(hint.map(|name| ("ref".to_owned(), name.into())));
        let fetched = fetch(&harness, inputs).await.unwrap();
        assert_eq!(files(&harness, &fetched)["README.md"], "hello\n");
        assert!(harness.log.text().contains("unadvertised object"), "the exact way was tried first");
    }
    let mut inputs = with(&format!("{host}/old/repo/.git"), "token");
    inputs.insert("commit".to_owned(), "a".repeat(40).into());
    assert_eq!(fetch(&harness, inputs).await.unwrap_err().class, ErrorClass::Permanent);
}

#[tokio::test]
async fn a_mirror_may_be_a_daemon_git() {
    let test = "a_mirror_may_be_a_daemon_git";
    let Some(repository) = Repository::new(test) else { return };
    let Some(git) = test_parts::tool("git", test) else { return };
    // A free port, given back just before the daemon takes it.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let daemon = git
        .command()
        .args(["daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1"])
        .arg(format!("--port={port}"))
        .arg(format!("--base-path={}", repository.root().display()))
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let _daemon = Server(daemon);
    let mut harness = Harness::new();
    harness.settings.mirrors.git =
        [("https://code.example/".to_owned(), format!("git://127.0.0.1:{port}/"))].into();
    let inputs = with("https://code.example/repo", "");
    let mut fetched = fetch(&harness, inputs.clone()).await;
    for _ in 0..50 {
        if fetched.as_ref().is_err_and(|error| error.class == ErrorClass::Transient) {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            fetched = fetch(&harness, inputs.clone()).await;
        }
    }
    assert_eq!(files(&harness, &fetched.unwrap())["README.md"], "hello\n");
    assert!(
        fetch(&harness, with(&format!("git://127.0.0.1:{port}/repo"), "")).await.is_err(),
        "not for tenants"
    );
}
