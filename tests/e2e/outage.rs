//! What goes wrong around the factory: the step fails with the cause and what to do, the run is undone, the server
//! lives on.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use reqwest::{Method, StatusCode};
use serde_json::Value as Json;

use crate::support::{Server, Setup, TenantRepository, program, step};

/// Asserts that a run failed in `path` for a cause that names all of `words`, and that its tag is gone.
async fn assert_undone(server: &Server, detail: &Json, path: &str, class: &str, words: &[&str]) {
    assert_eq!(detail["run"]["status"], "failed", "{detail:#}");
    assert_eq!(detail["run"]["compensation"], "complete", "{detail:#}");
    let error = &step(detail, path)["error"];
    assert_eq!(error["class"], class, "{error:#}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` is not in {error:#}");
    }
    assert_eq!(server.tag("good", "stable").await, None, "the tag of the failed run is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_tool_is_named_with_its_package_git() {
    const TEST: &str = "a_missing_tool_is_named_with_its_package_git";
    let Some(git) = test_parts::tool("git", TEST) else { return };
    let tools = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&git.path, tools.path().join("git")).unwrap();
    let server = Server::start_with(Setup { tools: Some(tools.path().to_owned()), ..Setup::default() }).await;
    let Some(mut repository) = TenantRepository::register(&server, "bare", false, TEST).await else { return };
    repository.write("image/Containerfile", "FROM scratch\nCOPY data /data\n");
    let detail = repository
        .run_after_a_tag(
            &server,
            "  late:\n    needs: [tag]\n    uses: container/buildah@v1\n    with:\n      \
             context: ${{ steps.source.outputs.tree }}\n",
        )
        .await;
    assert_undone(&server, &detail, "late", "permanent", &["buildah", "apt-get install"]).await;
    repository.all_is_well(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_mirror_is_named_and_may_come_back_mmdebstrap() {
    const TEST: &str = "a_dead_mirror_is_named_and_may_come_back_mmdebstrap";
    if test_parts::tool("mmdebstrap", TEST).is_none() {
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}/debian", listener.local_addr().unwrap());
    drop(listener);
    let server = Server::start_with(Setup::set(format!("steps.mirrors.apt={mirror}"))).await;
    let Some(mut repository) = TenantRepository::register(&server, "debian", false, TEST).await else {
        return;
    };
    let detail = repository
        .run_after_a_tag(
            &server,
            "  late:\n    needs: [tag]\n    uses: rootfs/debian@v1\n    retry:\n      attempts: 1\n    \
             with:\n      suite: bookworm\n",
        )
        .await;
    assert_undone(&server, &detail, "late", "transient", &[&mirror, "mirrors.apt"]).await;
    repository.all_is_well(&server).await;
}

/// A small file system of its own, gone with the value.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// `None`, said aloud, where nobody may mount one.
    fn mount(mebibytes: u32, test: &str) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("factory-disk.").tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted =
            mount(Some("tmpfs"), folder.path(), Some("tmpfs"), MsFlags::empty(), Some(size.as_str()));
        if let Err(error) = mounted {
            test_parts::skipped("tmpfs", test, &format!("a small disk cannot be mounted here: {error}"));
            return None;
        }
        Some(Self { folder })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Takes all space but `spare` bytes.
    fn fill(&self, spare: u64) -> PathBuf {
        let file = self.folder.path().join("filler");
        let found = nix::sys::statvfs::statvfs(self.folder.path()).unwrap();
        let free = found.blocks_available() * found.fragment_size();
        write_zeroes(&file, free.saturating_sub(spare));
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server that still has files open there ends in the same breath.
        let _ = umount2(self.folder.path(), MntFlags::MNT_DETACH);
    }
}

fn write_zeroes(file: &Path, bytes: u64) {
    let mut file = std::fs::File::create(file).unwrap();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), bytes), &mut file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fills_the_disk_fails_alone_git() {
    const TEST: &str = "a_step_that_fills_the_disk_fails_alone_git";
    let Some(disk) = SmallDisk::mount(48, TEST) else { return };
    let server = Server::start_with(Setup {
        set: vec!["limits.free_bytes=0".to_owned()],
        data: Some(disk.data()),
        ..Setup::default()
    })
    .await;
    let Some(mut repository) = TenantRepository::register(&server, "full", true, TEST).await else { return };
    let detail = repository
        .run_after_a_tag(
            &server,
            "  late:\n    needs: [tag]\n    uses: shell/run@v1\n    with:\n      \
             script: cat /dev/zero > filler\n",
        )
        .await;
    assert_undone(&server, &detail, "late", "permanent", &["No space left on device"]).await;
    repository.all_is_well(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_nothing_but_the_runs_that_need_it_git() {
    const TEST: &str = "a_full_disk_stops_nothing_but_the_runs_that_need_it_git";
    let Some(disk) = SmallDisk::mount(48, TEST) else { return };
    let server = Server::start_with(Setup {
        set: vec!["limits.free_bytes=0".to_owned()],
        data: Some(disk.data()),
        ..Setup::default()
    })
    .await;
    let Some(mut repository) = TenantRepository::register(&server, "full", true, TEST).await else { return };
    // Room for the database to write on, none for four mebibytes more.
    repository.write("big/data", &noise(4 * 1024 * 1024));
    let filler = disk.fill(3 * 1024 * 1024);
    let detail = repository
        .run_after_a_tag(
            &server,
            "  late:\n    needs: [tag]\n    uses: git/fetch@v1\n    with:\n      path: big\n",
        )
        .await;
    assert_eq!(detail["run"]["status"], "failed", "{detail:#}");
    let errors: Vec<_> =
        detail["steps"].as_array().unwrap().iter().map(|step| step["error"].to_string()).collect();
    assert!(errors.iter().any(|error| error.contains("No space left on device")), "{errors:#?}");
    assert_eq!(server.tag("good", "stable").await, None);

    // Not a byte left, not even for what is decided.
    std::fs::remove_file(&filler).unwrap();
    let filler = disk.fill(0);
    let delivery = repository.push();
    let (status, answer) = delivery.send(&server).await;
    assert!(status.is_server_error() || status == StatusCode::ACCEPTED, "{status}: {answer:#}");
    assert_eq!(server.get("/health").await["status"], "ok");
    std::fs::remove_file(filler).unwrap();
    repository.all_is_well(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_watermark_runs_wait_for_space_git() {
    const TEST: &str = "below_the_watermark_runs_wait_for_space_git";
    let Some(disk) = SmallDisk::mount(64, TEST) else { return };
    let server = Server::start_with(Setup {
        set: vec!["limits.free_bytes=16MiB".to_owned()],
        data: Some(disk.data()),
        ..Setup::default()
    })
    .await;
    let Some(mut repository) = TenantRepository::register(&server, "low", false, TEST).await else { return };
    let filler = disk.fill(8 * 1024 * 1024);
    // What was measured before counts for a moment.
    tokio::time::sleep(Duration::from_secs(2)).await;
    repository.set_workflow(crate::support::GOOD);
    repository.write("image/data", "x");
    let run = repository.push_run(&server).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (_, waiting) = server.send(Method::GET, &format!("/api/v1/runs/{run}"), None).await;
    assert!(waiting["run"]["finished_at"].is_null(), "{waiting:#}");
    assert!(server.log().contains("limits.free_bytes"), "{}", server.log());
    std::fs::remove_file(filler).unwrap();
    let detail = server.finished(&run).await;
    assert_eq!(detail["run"]["status"], "succeeded", "{detail:#}");
    repository.all_is_well(&server).await;
}

/// Text that does not compress away.
fn noise(bytes: usize) -> String {
    let mut state = 88_172_645_463_325_252_u64;
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend([format!("{state:016x}")]);
    }
    text
}

#[test]
fn unknown_settings_start_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("factory.toml");
    std::fs::write(&file, "[limits]\nfree_byts = 1\n").unwrap();
    let file = file.to_str().unwrap();
    for (key, args, variable) in [
        ("steps.git_rots", ["--set", "steps.git_rots=/srv"].as_slice(), None),
        ("IMAGE_FACTORY_LIMITS_FREE_BYTS", &[], Some("IMAGE_FACTORY_LIMITS_FREE_BYTS")),
        ("free_byts", &["--config", file], None),
    ] {
        let mut command = program();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .args(args)
            .stdin(Stdio::null());
        command.envs(variable.map(|name| (name, "1")));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(key), "{key}: {said}");
        assert!(!data.exists(), "{key}: a data folder was made");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_leaves_the_first_ones_data_alone_git() {
    const TEST: &str = "a_second_process_leaves_the_first_ones_data_alone_git";
    let server = Server::start().await;
    let Some(mut repository) = TenantRepository::register(&server, "shared", false, TEST).await else {
        return;
    };
    let workflow = server.folder().join("local.yaml");
    let text = crate::support::GOOD.replace("on:\n  push:\n    branches: [main]\n", "on:\n  manual:\n");
    std::fs::write(&workflow, text).unwrap();
    let token = server.token();
    for words in [vec!["serve", "--listen", "127.0.0.1:0"], vec!["run", workflow.to_str().unwrap()]] {
        let second = program()
            .args(&words)
            .arg("--data-dir")
            .arg(server.data())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&second.stderr);
        assert!(!second.status.success() && said.contains("in use by"), "{words:?}: {said}");
    }
    assert_eq!(server.token(), token);
    repository.all_is_well(&server).await;
}
