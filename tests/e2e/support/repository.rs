//! A tenant's repository, and the delivery that its Git host sends for a push.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};
use sha2::Sha256;
use test_parts::Tool;

use super::Server;

pub(crate) const SECRET: &str = "known to the Git host and to the factory";

/// No tool but Git, and something left to be undone: fetch, assemble, push, tag.
pub(crate) const GOOD: &str = "\
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: good
on:
  push:
    branches: [main]
steps:
  source:
    uses: git/fetch@v1
    with:
      path: image
  build:
    uses: container/assemble@v1
    with:
      layers:
        - tree: ${{ steps.source.outputs.tree }}
  push:
    uses: registry/push@v1
    with:
      image: ${{ steps.build.outputs.image }}
      repository: good
  tag:
    uses: registry/tag@v1
    with:
      reference: ${{ steps.push.outputs.reference }}
      tag: stable
";

pub(crate) struct TenantRepository {
    git: Tool,
    bare: PathBuf,
    clone: PathBuf,
    project: String,
    before: String,
    deliveries: usize,
}

impl TenantRepository {
    /// An empty repository that is registered as `project`; nothing where there is no Git.
    pub(crate) async fn register(
        server: &Server,
        project: &str,
        trust_host: bool,
        test: &str,
    ) -> Option<Self> {
        let git = test_parts::tool("git", test)?;
        let bare = server.folder().join(format!("{project}.git"));
        let clone = server.folder().join(project);
        let repository =
            Self { git, clone, project: project.to_owned(), before: "0".repeat(40), deliveries: 0, bare };
        repository.git(
            server.folder(),
            &["init", "-q", "--bare", "--initial-branch=main", &Self::text(&repository.bare)],
        );
        repository
            .git(server.folder(), &["init", "-q", "--initial-branch=main", &Self::text(&repository.clone)]);
        server
            .add_project(project, &format!("file://{}", repository.bare.display()), SECRET, trust_host)
            .await;
        Some(repository)
    }

    fn text(path: &Path) -> String {
        path.to_str().unwrap().to_owned()
    }

    fn git(&self, folder: &Path, args: &[&str]) -> String {
        let output = self
            .git
            .command()
            .current_dir(folder)
            .args(["-c", "user.name=Engineer", "-c", "user.email=engineer@example.com"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.clone.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        let path = self.clone.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }

    /// Makes `text` the one workflow.
    pub(crate) fn set_workflow(&self, text: &str) {
        let _ = std::fs::remove_dir_all(self.clone.join(".image-factory"));
        self.write(".image-factory/test.yaml", text);
    }

    /// Pushes [`GOOD`] with more steps behind its tag, and gives the run once it has ended.
    pub(crate) async fn run_after_a_tag(&mut self, server: &Server, steps: &str) -> Json {
        self.set_workflow(&format!("{GOOD}{steps}"));
        self.write("image/data", &format!("run {}", self.deliveries));
        let run = self.push_run(server).await;
        server.finished(&run).await
    }

    /// Shows that the server lives, and that a push still becomes an image.
    pub(crate) async fn all_is_well(&mut self, server: &Server) {
        assert_eq!(server.get("/health").await["status"], "ok");
        let detail = self.run_after_a_tag(server, "").await;
        assert_eq!(detail["run"]["status"], "succeeded", "{detail:#}");
        assert!(server.tag("good", "stable").await.is_some(), "the good run left no tag");
    }

    /// Commits what was written and pushes it.
    pub(crate) fn push(&mut self) -> Delivery {
        self.git(&self.clone, &["add", "-A"]);
        self.git(&self.clone, &["commit", "-q", "--allow-empty", "-m", "a change"]);
        self.git(&self.clone, &["push", "-q", &Self::text(&self.bare), "main"]);
        let after = self.git(&self.clone, &["rev-parse", "HEAD"]);
        let body = json!({
            "ref": "refs/heads/main", "before": self.before, "after": after,
            "created": false, "deleted": false, "forced": false,
            "repository": { "name": self.project, "full_name": format!("example/{}", self.project) },
            "pusher": { "name": "engineer" },
            "head_commit": { "id": after, "message": "a change" },
            "commits": [{ "id": after, "message": "a change", "added": [], "removed": [], "modified": [] }],
        });
        self.before = after;
        self.deliveries += 1;
        let body = serde_json::to_vec(&body).unwrap();
        let signature = sign(&body);
        Delivery {
            project: self.project.clone(),
            id: format!("delivery-{}", self.deliveries),
            signature,
            body,
        }
    }

    /// Pushes, delivers, and gives the one run that this started.
    pub(crate) async fn push_run(&mut self, server: &Server) -> String {
        let (status, answer) = self.push().send(server).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer:#}");
        let runs = answer["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 1, "{answer:#}");
        runs[0]["run"].as_str().unwrap().to_owned()
    }
}

/// The signature header of a body.
fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// What a Git host sends.
#[derive(Clone)]
pub(crate) struct Delivery {
    project: String,
    pub(crate) id: String,
    pub(crate) signature: String,
    pub(crate) body: Vec<u8>,
}

impl Delivery {
    pub(crate) async fn send(&self, server: &Server) -> (StatusCode, Json) {
        server.deliver(&self.project, &self.id, &self.signature, self.body.clone()).await
    }

    /// The same, grown beyond `bytes` by blanks, which JSON allows, and signed again.
    pub(crate) fn grown(&self, bytes: usize) -> Self {
        let mut body = self.body.clone();
        body.resize(body.len() + bytes, b' ');
        Self { signature: sign(&body), body, ..self.clone() }
    }

    /// Sends it in chunks, without telling the length.
    pub(crate) async fn send_in_chunks(&self, server: &Server) -> (StatusCode, Json) {
        let chunks: Vec<_> =
            self.body.chunks(4096).map(|chunk| Ok::<_, Infallible>(chunk.to_vec())).collect();
        let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
        server.deliver(&self.project, &self.id, &self.signature, body).await
    }
}
