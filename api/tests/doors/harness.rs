//! The real program in a folder of its own: run to its end, or as a server.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use test_parts::Tool;

/// The secret of every project's webhook.
pub(crate) const SECRET: &str = "a secret of the tests";
/// No commit.
pub(crate) const NONE: &str = "0000000000000000000000000000000000000000";

/// The program, without the environment of whoever runs the tests.
#[expect(clippy::disallowed_methods, reason = "tests drive the program itself")]
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_image-factory"));
    command.current_dir(folder).env_clear().env("HOME", folder).env("PATH", path());
    command
}

#[expect(clippy::disallowed_methods, reason = "tests look for real programs where their caller does")]
fn path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// What a command said, as JSON.
pub(crate) fn json_of(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A Git repository with a working tree.
pub(crate) struct Repository {
    git: Tool,
    pub(crate) folder: PathBuf,
}

impl Repository {
    pub(crate) fn new(git: Tool, folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        let repository = Self { git, folder };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// Writes files and commits them; the commit's id.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            let path = self.folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--message=change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = self.git.command().current_dir(&self.folder).args(args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.folder.display())
    }
}

/// A server, killed when the test is done with it.
pub(crate) struct Server {
    child: Child,
    pub(crate) folder: PathBuf,
    pub(crate) url: String,
    pub(crate) token: String,
    client: Client,
}

impl Server {
    /// Starts one over `folder/data`, and waits until it serves.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, |command| command)
    }

    /// The same, with further arguments or another environment.
    pub(crate) fn start_with(folder: &Path, more: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = format!("steps.git_roots={}", folder.display());
        let mut command = program(folder);
        command
            .args(["serve", "--data-dir", "data", "--listen", "127.0.0.1:0", "--set", &roots])
            .args(["--set", "limits.drain_seconds=1"]);
        let mut child = more(&mut command).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        let token = std::fs::read_to_string(folder.join("data/admin.token")).unwrap().trim().to_owned();
        Self { child, folder: folder.to_owned(), url, token, client: Client::new() }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Json {
        let response = self.request("GET", path).bearer_auth(&self.token).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {response:?}");
        response.json().await.unwrap()
    }

    /// Registers a project over a repository.
    pub(crate) async fn project(&self, name: &str, url: &str) {
        let body = json!({ "name": name, "url": url, "webhook_secret": SECRET, "trust_host": true });
        let request = self.request("POST", "/api/v1/projects").bearer_auth(&self.token).json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201, "{:?}", response.text().await);
    }

    /// Delivers a push as a Git host does.
    pub(crate) async fn push(&self, project: &str, delivery: &str, before: &str, after: &str) -> Response {
        let body = json!({
            "ref": "refs/heads/main", "before": before, "after": after, "pusher": { "name": "ada" },
        });
        let body = body.to_string();
        let signature = sign(body.as_bytes());
        self.deliver(project, delivery, &signature, body).await
    }

    pub(crate) async fn deliver(
        &self,
        project: &str,
        delivery: &str,
        signature: &str,
        body: String,
    ) -> Response {
        self.request("POST", &format!("/api/v1/webhooks/default/{project}"))
            .header("content-type", "application/json")
            .header("x-github-event", "push")
            .header("x-github-delivery", delivery)
            .header("x-hub-signature-256", signature)
            .body(body)
            .send()
            .await
            .unwrap()
    }

    /// The run, once it has ended.
    pub(crate) async fn ended(&self, run: &str) -> Json {
        for _ in 0..600 {
            let detail = self.get(&format!("/api/v1/runs/{run}")).await;
            let status = detail["run"]["status"].as_str().unwrap().to_owned();
            if ["succeeded", "failed", "cancelled", "timed_out"].contains(&status.as_str()) {
                return detail;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("run {run} does not end");
    }

    /// Kills it as a power failure would, and starts another over the same folder.
    pub(crate) fn restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let folder = self.folder.clone();
        drop(self);
        Self::start(&folder)
    }

    /// Asks it to end, and waits; its exit code.
    pub(crate) fn stop(self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Waits until it has ended; its exit code.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The signature header of a body.
pub(crate) fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// A workflow that fetches and speaks twice.
pub(crate) const HELLO: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: hello
on:
  push:
    branches: [main]
  manual:
steps:
  source:
    uses: git/fetch@v1
  say:
    needs: [source]
    uses: shell/run@v1
    with:
      script: |
        echo hello
        sleep 1
        echo again
";

/// A server with the project `app`, whose repository holds `files`; the commit.
pub(crate) async fn factory(
    test: &str,
    files: &[(&str, &str)],
) -> Option<(tempfile::TempDir, Server, Repository, String)> {
    let git = test_parts::tool("git", test)?;
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::new(git, folder.path().join("repo"));
    let commit = repository.commit(files);
    let server = Server::start(folder.path());
    server.project("app", &repository.url()).await;
    Some((folder, server, repository, commit))
}
