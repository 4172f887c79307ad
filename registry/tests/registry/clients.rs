//! Real clients push to and pull from the registry.

use std::path::Path;
use std::process::Command;

use registry::Locator;
use test_parts::{Tool, tool};
use vocab::Digest;

use crate::support::{Image, Server, image};

const CREDENTIALS: &str = "admin:secret";

/// Runs a command to its end without stopping the server, and says what it printed.
async fn run(mut command: Command) -> String {
    let done = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{}\n{}", text(&done.stdout), text(&done.stderr));
    text(&done.stdout)
}

/// The command with its arguments.
fn with(tool: &Tool, arguments: &[&str]) -> Command {
    let mut command = tool.command();
    command.args(arguments);
    command
}

/// Puts an image into the server's store and into a layout folder.
async fn layout(server: &Server, folder: &Path, text: &str) -> Image {
    let image = image(text);
    image.put(server.store.registry.content()).await;
    server.store.registry.content().export_layout(&image.digest(), folder, Some("v1")).await.unwrap();
    image
}

/// Publishes an image, as the factory does.
async fn publish(server: &Server, repository: &str, text: &str) -> Digest {
    let image = image(text);
    let catalog = server.store.registry.catalog();
    let (repository, descriptor) =
        (repository.parse().unwrap(), image.put(server.store.registry.content()).await);
    catalog.link_image(&repository, &descriptor.digest, "factory").await.unwrap();
    let tag = "v1".parse().unwrap();
    let expected = registry::Expect::Absent;
    catalog.move_tag(&repository, &tag, expected, Some(descriptor.digest.clone()), "factory").await.unwrap();
    descriptor.digest
}

async fn digest_at(server: &Server, repository: &str, tag: &str) -> Option<Digest> {
    let locator = Locator::Tag(tag.parse().unwrap());
    let found =
        server.store.registry.catalog().resolve(&repository.parse().unwrap(), &locator).await.unwrap();
    found.map(|found| found.digest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_goes_in_and_comes_out_unchanged_by_skopeo() {
    let Some(skopeo) = tool("skopeo", "an_image_goes_in_and_comes_out_unchanged_by_skopeo") else { return };
    let server = Server::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (source, copy) = (folder.path().join("source"), folder.path().join("copy"));
    let image = layout(&server, &source, "by skopeo").await;
    let remote = format!("docker://{}/acme/tools/app:v1", server.address);
    let (from, to) = (format!("oci:{}:v1", source.display()), format!("oci:{}:v1", copy.display()));
    let push = [
        "copy",
        "--preserve-digests",
        "--dest-tls-verify=false",
        "--dest-creds",
        CREDENTIALS,
        &from,
        &remote,
    ];
    run(with(&skopeo, &push)).await;
    assert_eq!(digest_at(&server, "acme/tools/app", "v1").await, Some(image.digest()));
    let inspected =
        run(with(&skopeo, &["inspect", "--raw", "--tls-verify=false", "--creds", CREDENTIALS, &remote]))
            .await;
    assert_eq!(inspected.as_bytes(), image.manifest);
    let tags = format!("docker://{}/acme/tools/app", server.address);
    let tags = run(with(&skopeo, &["list-tags", "--tls-verify=false", "--creds", CREDENTIALS, &tags])).await;
    assert!(tags.contains("\"v1\""), "{tags}");
    let pull =
        ["copy", "--preserve-digests", "--src-tls-verify=false", "--src-creds", CREDENTIALS, &remote, &to];
    run(with(&skopeo, &pull)).await;
    let layer = Digest::of(&image.layer);
    assert_eq!(std::fs::read(copy.join("blobs/sha256").join(layer.hex())).unwrap(), image.layer);
    run(with(&skopeo, &["delete", "--tls-verify=false", "--creds", CREDENTIALS, &remote])).await;
    assert_eq!(digest_at(&server, "acme/tools/app", "v1").await, None);
    // Somebody else gets nothing, and is not told more.
    let stranger = with(&skopeo, &["inspect", "--tls-verify=false", "--creds", "other:secret", &remote])
        .output()
        .unwrap();
    assert!(!stranger.status.success());
}

/// Pulls, pushes under another name, and compares: the same for podman and buildah.
async fn pull_and_push(tool: &Tool, extra: &[&str]) {
    let server = Server::new().await;
    let folder = tempfile::tempdir().unwrap();
    let published = publish(&server, "acme/app", &tool.name).await;
    let (root, runroot) = (folder.path().join("root"), folder.path().join("run"));
    let global = |arguments: &[&str]| {
        let mut command = tool.command();
        command.arg("--root").arg(&root).arg("--runroot").arg(&runroot).args(["--storage-driver", "vfs"]);
        command.args(extra).args(arguments);
        command
    };
    let from = format!("{}/acme/app@{published}", server.address);
    let to = format!("docker://{}/acme/copies/app:v2", server.address);
    let id = run(global(&["pull", "-q", "--tls-verify=false", "--creds", CREDENTIALS, &from])).await;
    let push = ["push", "-q", "--tls-verify=false", "--creds", CREDENTIALS, id.trim(), &to];
    run(global(&push)).await;
    let pushed = digest_at(&server, "acme/copies/app", "v2").await.expect("the push made the tag");
    let closure = server.store.registry.content().closure(&pushed).await.unwrap();
    for part in closure.iter().filter(|part| part.role == registry::Role::Blob) {
        let verdict = server.store.registry.content().verify(&part.digest).await.unwrap();
        assert_eq!(verdict, registry::Verdict::Intact);
    }
    // What was pushed can be pulled again.
    run(global(&["pull", "-q", "--tls-verify=false", "--creds", CREDENTIALS, &to])).await;
    // A storage of its own leaves a mount behind that keeps the folder from going.
    let _ = nix::mount::umount(&root.join("vfs"));
    let _ = nix::mount::umount(&root);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_pulled_and_pushed_by_buildah() {
    let Some(buildah) = tool("buildah", "an_image_is_pulled_and_pushed_by_buildah") else { return };
    pull_and_push(&buildah, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_pulled_and_pushed_by_podman() {
    let Some(podman) = tool("podman", "an_image_is_pulled_and_pushed_by_podman") else { return };
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().display().to_string();
    pull_and_push(&podman, &["--tmpdir", &temporary, "--cgroup-manager", "cgroupfs", "--runtime", "runc"])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_pushed_copied_and_listed_by_crane() {
    let Some(crane) = tool("crane", "an_image_is_pushed_copied_and_listed_by_crane") else { return };
    let server = Server::new().await;
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    let image = layout(&server, &source, "by crane").await;
    let address = server.address.to_string();
    let crane = |arguments: &[&str]| {
        let mut command = crane.command();
        command.args(arguments).env("DOCKER_CONFIG", folder.path());
        command
    };
    run(crane(&["auth", "login", "-u", "admin", "-p", "secret", &address])).await;
    let remote = format!("{address}/acme/app:v1");
    run(crane(&["push", "--insecure", &source.display().to_string(), &remote])).await;
    assert_eq!(run(crane(&["digest", "--insecure", &remote])).await.trim(), image.digest().to_string());
    run(crane(&["copy", "--insecure", &remote, &format!("{address}/acme/other/app:v2")])).await;
    assert_eq!(digest_at(&server, "acme/other/app", "v2").await, Some(image.digest()));
    run(crane(&["tag", "--insecure", &remote, "latest"])).await;
    let tags = run(crane(&["ls", "--insecure", &format!("{address}/acme/app")])).await;
    assert_eq!(tags.lines().collect::<Vec<_>>(), ["latest", "v1"]);
    let repositories = run(crane(&["catalog", "--insecure", &address])).await;
    assert_eq!(repositories.lines().collect::<Vec<_>>(), ["acme/app", "acme/other/app"]);
    let pulled = folder.path().join("pulled");
    run(crane(&["pull", "--insecure", "--format", "oci", &remote, &pulled.display().to_string()])).await;
    let layer = Digest::of(&image.layer);
    assert_eq!(std::fs::read(pulled.join("blobs/sha256").join(layer.hex())).unwrap(), image.layer);
    run(crane(&["delete", "--insecure", &format!("{address}/acme/app@{}", image.digest())])).await;
    assert_eq!(digest_at(&server, "acme/app", "v1").await, None);
    assert_eq!(digest_at(&server, "acme/app", "latest").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_signed_and_verified_by_cosign() {
    let Some(cosign) = tool("cosign", "an_image_is_signed_and_verified_by_cosign") else { return };
    let server = Server::new().await;
    let folder = tempfile::tempdir().unwrap();
    let digest = publish(&server, "acme/app", "by cosign").await;
    let address = server.address.to_string();
    let cosign = |arguments: &[&str]| {
        let mut command = cosign.command();
        command.args(arguments).env("DOCKER_CONFIG", folder.path()).env("HOME", folder.path());
        command.env("COSIGN_PASSWORD", "").current_dir(folder.path());
        command
    };
    run(cosign(&["generate-key-pair"])).await;
    run(cosign(&["login", "-u", "admin", "-p", "secret", &address])).await;
    let reference = format!("{address}/acme/app@{digest}");
    let open = "--allow-insecure-registry";
    run(cosign(&["sign", "--yes", "--key", "cosign.key", "--tlog-upload=false", open, &reference])).await;
    run(cosign(&["verify", "--key", "cosign.pub", "--insecure-ignore-tlog", open, &reference])).await;
    let unsigned = publish(&server, "acme/web", "unsigned").await;
    let reference = format!("{address}/acme/web@{unsigned}");
    let refused =
        cosign(&["verify", "--key", "cosign.pub", "--insecure-ignore-tlog", open, &reference]).output();
    assert!(!refused.unwrap().status.success());
}

/// A daemon of our own, which goes with us.
struct Daemon {
    child: std::process::Child,
    folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts one without network rules; `None` when it does not come up.
    async fn start(dockerd: &Tool) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let mut command = dockerd.command();
        command.args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-masq=false"]);
        command.args(["--exec-opt", "native.cgroupdriver=cgroupfs", "--storage-driver", "vfs"]);
        command.arg("--host").arg(format!("unix://{}", place("socket").display()));
        command.arg("--data-root").arg(place("data")).arg("--exec-root").arg(place("exec"));
        command.arg("--pidfile").arg(place("pid"));
        let log = std::fs::File::create(place("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut daemon = Self { child: command.spawn().ok()?, folder };
        for _ in 0..150 {
            if daemon.child.try_wait().unwrap().is_some() {
                return None;
            }
            if std::os::unix::net::UnixStream::connect(daemon.folder.path().join("socket")).is_ok() {
                return Some(daemon);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        None
    }

    fn client(&self, docker: &Tool, arguments: &[&str]) -> Command {
        let mut command = docker.command();
        command.arg("--host").arg(format!("unix://{}", self.folder.path().join("socket").display()));
        command.env("DOCKER_CONFIG", self.folder.path()).args(arguments);
        command
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Asked first, so that it takes its own children with it; nothing can be done when that fails.
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = nix::mount::umount(&self.folder.path().join("exec/netns/default"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_pulled_and_pushed_by_docker() {
    let test = "an_image_is_pulled_and_pushed_by_docker";
    let (Some(docker), Some(dockerd)) = (tool("docker", test), tool("dockerd", test)) else { return };
    let Some(daemon) = Daemon::start(&dockerd).await else {
        test_parts::skipped("docker", test, "the daemon does not start here");
        return;
    };
    let server = Server::new().await;
    let published = publish(&server, "acme/app", "by docker").await;
    let address = server.address.to_string();
    let refused =
        daemon.client(&docker, &["pull", "-q", &format!("{address}/acme/app:v1")]).output().unwrap();
    assert!(!refused.status.success(), "without signing in nothing is given");
    run(daemon.client(&docker, &["login", "-u", "admin", "-p", "secret", &address])).await;
    let from = format!("{address}/acme/app@{published}");
    let to = format!("{address}/acme/copies/app:v2");
    run(daemon.client(&docker, &["pull", "-q", &from])).await;
    run(daemon.client(&docker, &["tag", &from, &to])).await;
    run(daemon.client(&docker, &["push", "-q", &to])).await;
    let pushed = digest_at(&server, "acme/copies/app", "v2").await.expect("the push made the tag");
    assert_eq!(server.store.registry.content().closure(&pushed).await.unwrap().len(), 3);
    run(daemon.client(&docker, &["rmi", "-f", &from, &to])).await;
    run(daemon.client(&docker, &["pull", "-q", &to])).await;
}
