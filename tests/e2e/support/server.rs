//! A factory of its own for each test: the real binary on a free port, with a data folder that goes with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of an answer that are read where no client bounds them.
const ANSWER: u64 = 1024 * 1024;

/// The factory's own program, without arguments.
#[expect(clippy::disallowed_methods, reason = "what is tested is a process, and nobody else starts one here")]
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_image-factory"))
}

/// What a factory is started with besides the usual.
#[derive(Default)]
pub(crate) struct Setup {
    /// Settings, as `--set` takes them.
    pub(crate) set: Vec<String>,
    /// The one folder that tools come from, in place of the `PATH` of the tests.
    pub(crate) tools: Option<PathBuf>,
    /// The data folder, in place of one beside the repositories.
    pub(crate) data: Option<PathBuf>,
}

impl Setup {
    /// With one setting changed.
    pub(crate) fn set(setting: impl Into<String>) -> Self {
        Self { set: vec![setting.into()], ..Self::default() }
    }
}

pub(crate) struct Server {
    folder: TempDir,
    setup: Setup,
    child: Option<Child>,
    url: String,
    http: Client,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    pub(crate) async fn start_with(setup: Setup) -> Self {
        // Every dependency has rustls without a provider; the first user chooses it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::Builder::new().prefix("factory-e2e.").tempdir().unwrap();
        let http = Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        let mut server = Self { folder, setup, child: None, url: String::new(), http };
        server.start_again().await;
        server
    }

    /// Starts the factory on the data folder, as after a crash.
    pub(crate) async fn start_again(&mut self) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        self.url = format!("http://127.0.0.1:{port}");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder().join("server.log"))
            .unwrap();
        let mut command = program();
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(self.data())
            .arg("--set")
            .arg(format!("steps.git_roots={}", self.folder().display()));
        for setting in &self.setup.set {
            command.args(["--set", setting]);
        }
        if let Some(tools) = &self.setup.tools {
            command.env("PATH", tools).env_remove("IMAGE_FACTORY_TOOLS");
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.child = Some(child);
        let started = Instant::now();
        while self
            .http
            .get(format!("{}/ready", self.url))
            .send()
            .await
            .is_ok_and(|r| r.status().is_success())
            .eq(&false)
        {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "the server ended with {ended:?}: {}", self.log());
            assert!(started.elapsed() < PATIENCE, "the server is not ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.setup.data.clone().unwrap_or_else(|| self.folder().join("data"))
    }

    /// `127.0.0.1:PORT`, as registry clients want it.
    pub(crate) fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("server.log")).unwrap_or_default()
    }

    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.data().join("admin.token")).unwrap().trim().to_owned()
    }

    /// Ends the process as a power failure would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Ends the process as an operator would; its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("a running server");
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
        child.wait().unwrap().code()
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Json>) -> (StatusCode, Json) {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(self.token());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or(Json::Null))
    }

    pub(crate) async fn get(&self, path: &str) -> Json {
        let (status, answer) = self.send(Method::GET, path, None).await;
        assert!(status.is_success(), "GET {path}: {status}: {answer}");
        answer
    }

    /// Registers a repository; its web hook's secret is `secret`.
    pub(crate) async fn add_project(&self, name: &str, url: &str, secret: &str, trust_host: bool) {
        let body = json!({ "name": name, "url": url, "webhook_secret": secret, "trust_host": trust_host });
        let (status, answer) = self.send(Method::POST, "/api/v1/projects", Some(body)).await;
        assert!(status.is_success(), "{status}: {answer}");
    }

    /// Calls a project's web hook with the headers that a Git host would send.
    pub(crate) async fn deliver(
        &self,
        project: &str,
        delivery: &str,
        signature: &str,
        body: impl Into<reqwest::Body>,
    ) -> (StatusCode, Json) {
        let answer = self
            .http
            .post(format!("{}/api/v1/webhooks/default/{project}", self.url))
            .header("content-type", "application/json")
            .header("x-github-event", "push")
            .header("x-github-delivery", delivery)
            .header("x-hub-signature-256", signature)
            .body(body)
            .send()
            .await
            .unwrap();
        (answer.status(), answer.json().await.unwrap_or(Json::Null))
    }

    /// Sends a request line as it is, where a client would tidy the path first; the status of the answer.
    pub(crate) async fn send_line(&self, method: &str, path: &str) -> u16 {
        let login = STANDARD.encode(format!("admin:{}", self.token()));
        let mut stream = tokio::net::TcpStream::connect(self.host()).await.unwrap();
        let host = self.host();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {login}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.take(ANSWER).read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
    }

    /// Waits until a run has ended, and gives it with its steps.
    pub(crate) async fn finished(&self, run: &str) -> Json {
        let started = Instant::now();
        loop {
            let detail = self.get(&format!("/api/v1/runs/{run}")).await;
            if !detail["run"]["finished_at"].is_null() {
                return detail;
            }
            assert!(started.elapsed() < PATIENCE, "the run does not end: {detail:#}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The events of a run, oldest first.
    pub(crate) async fn events(&self, run: &str) -> Vec<Json> {
        let page = self.get(&format!("/api/v1/runs/{run}/events?limit=1000")).await;
        page["events"].as_array().unwrap().clone()
    }

    /// The digest that a tag names, if there is one.
    pub(crate) async fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        let answer = self
            .http
            .head(format!("{}/v2/default/{repository}/manifests/{tag}", self.url))
            .basic_auth("admin", Some(self.token()))
            .send()
            .await
            .unwrap();
        answer
            .status()
            .is_success()
            .then(|| answer.headers()["docker-content-digest"].to_str().unwrap().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(30).collect();
            eprintln!("the end of the server's log, newest first:\n{}", tail.join("\n"));
        }
    }
}

/// A step of a run, by path.
pub(crate) fn step<'a>(detail: &'a Json, path: &str) -> &'a Json {
    detail["steps"].as_array().unwrap().iter().find(|step| step["path"] == path).unwrap_or(&Json::Null)
}
