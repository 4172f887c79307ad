//! Repositories that open only with credentials.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value as Json, json};

use crate::harness::{HELLO, NONE, Repository, Server};

const TOKEN: &str = "s3cr3t-t0ken-of-a-private-repository";

/// A Git host that ends with the test; it does so when its standard input does.
struct Host(Child);

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An https server for the repositories below `folder` that asks for the token, and its URL; `cert.pem` names it.
fn https(folder: &Path, repository: &Repository, test: &str) -> Option<(Host, String)> {
    let python = test_parts::tool("python3", test)?;
    let openssl = test_parts::tool("openssl", test)?;
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = openssl
        .command()
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let backend = Path::new(&repository.git(&["--exec-path"])).join("git-http-backend");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../steps/source/tests/git/https_backend.py");
    let mut host = python
        .command()
        .args([&script, &backend, folder, &certificate, &key])
        .env("PAIR", format!("x-access-token:{TOKEN}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(host.stdout.take().unwrap()).read_line(&mut port).unwrap();
    Some((Host(host), format!("https://127.0.0.1:{}", port.trim())))
}

#[tokio::test]
async fn a_private_repository_opens_with_the_secret_that_its_project_names_git() {
    let test = "a_private_repository_opens_with_the_secret_that_its_project_names_git";
    let Some(git) = test_parts::tool("git", test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::new(git, folder.path().join("repo"));
    let commit = repository.commit(&[(".image-factory/hello.yaml", HELLO)]);
    let Some((_host, url)) = https(folder.path(), &repository, test) else { return };
    let url = format!("{url}/repo/.git");
    std::fs::DirBuilder::new().mode(0o700).create(folder.path().join("data")).unwrap();
    let settings = format!(
        "[steps]\nca_bundle = \"{}/cert.pem\"\ngit_local_hosts = [\"127.0.0.1\"]\n",
        folder.path().display()
    );
    std::fs::write(folder.path().join("data/image-factory.toml"), settings).unwrap();
    let server = Server::start(folder.path());
    server.project("app", &url).await;
    let closed = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(closed.status(), 502);

    let change = |body: Json| {
        server.request("PATCH", "/api/v1/projects/app").bearer_auth(&server.token).json(&body).send()
    };
    assert_eq!(change(json!({ "credentials_secret": "../token" })).await.unwrap().status(), 422);
    let named = change(json!({ "credentials_secret": "git-token" })).await.unwrap();
    assert_eq!(named.json::<Json>().await.unwrap()["credentials_secret"], "git-token");
    let missing: Json = server.push("app", "d-1", NONE, &commit).await.json().await.unwrap();
    let detail = missing["detail"].as_str().unwrap();
    assert!(detail.contains("there is no secret `git-token`"), "{missing}");
    let data = folder.path().display().to_string();
    assert!(!missing.to_string().contains(&data), "a tenant has no business with the data folder: {missing}");

    let secrets = folder.path().join("data/secrets/default");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::write(secrets.join("git-token"), format!("{TOKEN}\n")).unwrap();
    std::fs::set_permissions(secrets.join("git-token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let open = server.push("app", "d-1", NONE, &commit).await;
    assert_eq!(open.status(), 202);
    let open: Json = open.json().await.unwrap();
    let detail = server.ended(open["runs"][0]["run"].as_str().unwrap()).await;
    assert_eq!(detail["run"]["status"], "succeeded", "the step fetches with the same secret: {detail}");
    assert!(!detail.to_string().contains(TOKEN));

    let none: Json = change(json!({ "no_credentials": true })).await.unwrap().json().await.unwrap();
    assert_eq!(none["credentials_secret"], Json::Null);
}
