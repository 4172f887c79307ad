//! Fetching over ssh from a real server: who it is, who we are, and a key that nobody sees.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use steps_kit::harness::Harness;
use steps_kit::outputs;
use test_parts::Tool;
use vocab::{ErrorClass, Inputs, SecretRef, Value};

use crate::fixture::{Repository, action, fetch, files};
use crate::watched::{Server, watch_arguments};

/// An ssh server for one test, with its own host key and one key that it lets in.
struct Sshd {
    _server: Server,
    folder: PathBuf,
    port: u16,
}

impl Sshd {
    /// Starts one. `None` where a program is missing.
    fn start(repository: &Repository, test: &str) -> Option<Self> {
        let (sshd, keygen) = (test_parts::tool("sshd", test)?, test_parts::tool("ssh-keygen", test)?);
        test_parts::tool("ssh", test)?;
        let folder = repository.root().join("ssh");
        fs::create_dir(&folder).unwrap();
        for name in ["host", "let-in", "unknown"] {
            make_key(&keygen, &folder.join(name));
        }
        // Where a server that runs as root locks its unprivileged half in; a system makes it for its own.
        if nix::unistd::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        // A free port, given back just before the server takes it.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let config = folder.join("sshd_config");
        let place = folder.display();
        // The folder of a test lies below one that everybody writes to, which strict modes do not take.
        let settings = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {place}/host\nAuthorizedKeysFile {place}/let-in.pub\n\
             AuthenticationMethods publickey\nPermitRootLogin prohibit-password\nUsePAM no\nStrictModes no\n\
             PidFile none\nAcceptEnv GIT_PROTOCOL\n"
        );
        fs::write(&config, settings).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let server = sshd
            .command()
            .args(["-D", "-e", "-f"])
            .arg(config)
            .stdin(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let server = Self { _server: Server(server), folder, port };
        for _ in 0..100 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the ssh server does not listen: {}", server.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// What is left of a private key when its first and last line are gone: nothing else looks like it.
    fn secret(&self, key: &str) -> String {
        let text = fs::read_to_string(self.folder.join(key)).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("-----")).collect();
        lines[lines.len() / 2].to_owned()
    }

    /// A file of known hosts in which this server has the key of that name.
    fn known_as(&self, key: &str) -> PathBuf {
        let public = fs::read_to_string(self.folder.join(format!("{key}.pub"))).unwrap();
        let file = self.folder.join(format!("known-as-{key}"));
        fs::write(&file, format!("[127.0.0.1]:{} {public}", self.port)).unwrap();
        file
    }

    /// A world that knows this server, may reach it, and holds both keys as secrets.
    fn harness(&self) -> Harness {
        let mut harness = Harness::new();
        harness.settings.git_local_hosts = vec!["127.0.0.1".to_owned()];
        harness.settings.git_known_hosts = Some(self.known_as("host"));
        for key in ["let-in", "unknown"] {
            harness.secrets.add(key, &fs::read_to_string(self.folder.join(key)).unwrap());
        }
        harness
    }

    fn inputs(&self, repository: &Repository, key: &str) -> Inputs {
        let url = format!("ssh://127.0.0.1:{}{}", self.port, repository.path().display());
        let mut inputs = outputs([("url", url.into())]);
        inputs.insert("credentials".to_owned(), Value::Secret(SecretRef(key.to_owned())));
        inputs
    }
}

fn make_key(keygen: &Tool, path: &Path) {
    let mut command = keygen.command();
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(path);
    let made = command.stdin(Stdio::null()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// Files below `folder` that hold `needle`.
fn holding(folder: &Path, needle: &str) -> Vec<PathBuf> {
    let (mut open, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(needle) {
                found.push(path);
            }
        }
    }
    found
}

#[tokio::test]
async fn a_key_opens_an_ssh_repository_and_is_seen_nowhere_sshd() {
    let test = "a_key_opens_an_ssh_repository_and_is_seen_nowhere_sshd";
    let Some(repository) = Repository::new(test) else { return };
    let Some(sshd) = Sshd::start(&repository, test) else { return };
    let wanted = repository.head();
    repository.write("README.md", "newer\n");
    repository.commit("newer");
    let secret = sshd.secret("let-in");
    let stop = Arc::new(AtomicBool::new(false));
    let watch = watch_arguments(secret.clone(), Arc::clone(&stop));
    let harness = sshd.harness();
    let action = action();
    let ctx = harness.context(&*action);
    let mut inputs = sshd.inputs(&repository, "let-in");
    inputs.insert("commit".to_owned(), wanted.as_str().into());
    inputs.insert("timestamp".to_owned(), 0.into());
    let fetched = action.execute(&ctx, inputs).await;
    stop.store(true, Ordering::SeqCst);
    let seen = watch.join().unwrap();
    let fetched = fetched.unwrap_or_else(|error| panic!("{error}\n{}", sshd.log()));
    assert_eq!(fetched["commit"].as_str(), Some(wanted.as_str()));
    assert_eq!(
        files(&harness, &fetched)["README.md"],
        "hello\n",
        "the commit that was asked for, not the newest"
    );
    assert_eq!(seen, BTreeSet::new());
    assert!(!harness.log.text().contains(&secret));
    let kept = holding(&ctx.work, &secret);
    for path in &kept {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    assert_eq!(kept.len(), 1, "ssh reads it from one file: {kept:?}");
}

#[tokio::test]
async fn a_host_that_nobody_vouches_for_gets_no_key_and_the_message_says_what_to_do_sshd() {
    let test = "a_host_that_nobody_vouches_for_gets_no_key_and_the_message_says_what_to_do_sshd";
    let Some(repository) = Repository::new(test) else { return };
    let Some(sshd) = Sshd::start(&repository, test) else { return };
    let mut harness = sshd.harness();
    let empty = sshd.folder.join("empty");
    fs::write(&empty, "").unwrap();
    // Unknown, and known under another key.
    for known in [empty, sshd.known_as("unknown"), sshd.folder.join("not-there")] {
        harness.settings.git_known_hosts = Some(known.clone());
        let error = fetch(&harness, sshd.inputs(&repository, "let-in")).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Auth, "{error}");
        let help = error.help.as_ref().unwrap();
        assert!(help.contains(known.to_str().unwrap()) && help.contains("steps.git_known_hosts"), "{help}");
        assert!(!format!("{error:?}").contains(&sshd.secret("let-in")));
    }
    assert!(!sshd.log().contains("Accepted"), "{}", sshd.log());
}

#[tokio::test]
async fn a_key_that_the_host_does_not_know_is_refused_sshd() {
    let test = "a_key_that_the_host_does_not_know_is_refused_sshd";
    let Some(repository) = Repository::new(test) else { return };
    let Some(sshd) = Sshd::start(&repository, test) else { return };
    let error = fetch(&sshd.harness(), sshd.inputs(&repository, "unknown")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Auth, "{error}");
    assert!(error.help.as_ref().unwrap().contains("private key that the host knows"), "{error:?}");
    assert!(!format!("{error:?}").contains(&sshd.secret("unknown")));
}
