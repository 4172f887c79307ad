//! Paths and links that lead out: of a repository, of a name, of a layer. Nothing outside is read or written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use reqwest::StatusCode;
use serde_json::json;
use test_parts::Tool;
use vocab::Digest;

use crate::support::{Server, TenantRepository, step};

/// Every file below a folder, links not followed.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.insert(entry.path());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_climbs_out_is_refused_git() {
    const TEST: &str = "a_path_that_climbs_out_is_refused_git";
    let server = Server::start().await;
    let Some(mut repository) = TenantRepository::register(&server, "climber", false, TEST).await else {
        return;
    };
    let cases = [
        ("uses: git/fetch@v1\n    with:\n      path: ../..\n", "without `..`"),
        ("uses: git/fetch@v1\n    with:\n      path: /etc\n", "relative"),
        ("uses: git/fetch@v1\n    with:\n      url: file:///etc\n", "git_roots"),
        (
            "uses: registry/push@v1\n    with:\n      image: ${{ steps.build.outputs.image }}\n      \
             repository: ../../other\n",
            "../../other",
        ),
        (
            "uses: container/assemble@v1\n    with:\n      layers:\n        - tree: ${{ \
             steps.source.outputs.tree }}\n          prefix: ../../srv\n",
            "..",
        ),
    ];
    for (late, wanted) in cases {
        let steps = format!("  late:\n    needs: [tag]\n    {late}");
        let detail = repository.run_after_a_tag(&server, &steps).await;
        assert_eq!(detail["run"]["status"], "failed", "{late}: {detail:#}");
        assert_eq!(detail["run"]["compensation"], "complete", "{late}: {detail:#}");
        let error = &step(&detail, "late")["error"];
        assert_eq!(error["class"], "permanent", "{late}: {error:#}");
        assert!(error.to_string().contains(wanted), "{late}: `{wanted}` is not in {error:#}");
        assert_eq!(server.tag("good", "stable").await, None);
    }
    repository.all_is_well(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_climbs_out_of_the_registry_is_refused_git() {
    const TEST: &str = "a_name_that_climbs_out_of_the_registry_is_refused_git";
    let server = Server::start().await;
    let Some(mut repository) = TenantRepository::register(&server, "names", false, TEST).await else {
        return;
    };
    let before = files(server.folder());
    let empty = Digest::of("");
    for (method, path) in [
        ("POST", "/v2/default/../../../evil/blobs/uploads/".to_owned()),
        ("POST", "/v2/default/%2e%2e/%2e%2e/evil/blobs/uploads/".to_owned()),
        ("POST", format!("/v2/default/..%2f..%2fevil/blobs/uploads/?digest={empty}")),
        ("PATCH", "/v2/default/evil/blobs/uploads/..%2f..%2f..%2fevil".to_owned()),
        ("PUT", format!("/v2/default/evil/blobs/uploads/../../../evil?digest={empty}")),
        ("POST", "/v2/default/evil/blobs/uploads/?digest=sha256:../../../../evil".to_owned()),
        ("GET", "/v2/default/evil/blobs/sha256:..%2f..%2fadmin.token".to_owned()),
        ("GET", "/v2/default/evil/blobs/../../../../admin.token".to_owned()),
        ("PUT", "/v2/default/evil/manifests/..%2f..%2fevil".to_owned()),
        ("GET", "/api/v1/projects/..%2f..%2fadmin.token".to_owned()),
        ("GET", "/../../../etc/passwd".to_owned()),
    ] {
        let status = server.send_line(method, &path).await;
        assert!((400..500).contains(&status), "{method} {path}: {status}");
    }
    let body = json!({ "name": "../evil", "url": "https://git.example.com/x.git" });
    let (status, answer) = server.send(reqwest::Method::POST, "/api/v1/projects", Some(body)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:#}");
    assert_eq!(files(server.folder()), before, "a refused name left a file");
    repository.all_is_well(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_a_repository_leads_nowhere_buildah() {
    const TEST: &str = "a_link_in_a_repository_leads_nowhere_buildah";
    if test_parts::tool("buildah", TEST).is_none() {
        return;
    }
    let server = Server::start().await;
    let Some(mut repository) = TenantRepository::register(&server, "links", false, TEST).await else {
        return;
    };
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("Containerfile"), "FROM scratch\nLABEL read=outside\n").unwrap();
    let target = outside.path().to_str().unwrap();
    repository.link("image/door", target);
    repository.link("image/file", &format!("{target}/Containerfile"));
    repository.link(".image-factory/secret.yaml", &format!("{target}/Containerfile"));
    let build = "uses: container/buildah@v1\n    with:\n      context: ${{ steps.source.outputs.tree }}\n";
    for (late, wanted) in [
        ("uses: git/fetch@v1\n    with:\n      path: image/door\n".to_owned(), "no folder"),
        (format!("{build}      path: door\n"), "leads out of its tree"),
        (format!("{build}      file: file\n"), "has no file"),
        (format!("{build}      file: door/Containerfile\n"), "has no door/Containerfile"),
    ] {
        let steps = format!("  late:\n    needs: [tag]\n    {late}");
        let detail = repository.run_after_a_tag(&server, &steps).await;
        assert_eq!(detail["run"]["status"], "failed", "{late}: {detail:#}");
        assert_eq!(detail["run"]["compensation"], "complete", "{late}: {detail:#}");
        let error = &step(&detail, "late")["error"];
        assert!(error.to_string().contains(wanted), "{late}: `{wanted}` is not in {error:#}");
    }
    assert_eq!(files(outside.path()).len(), 1, "something was written through a link");
    repository.all_is_well(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_is_a_link_is_not_followed_git() {
    const TEST: &str = "a_workflow_that_is_a_link_is_not_followed_git";
    let server = Server::start().await;
    let Some(mut repository) = TenantRepository::register(&server, "linked", false, TEST).await else {
        return;
    };
    let outside = server.folder().join("outside.yaml");
    std::fs::write(&outside, "secret: only the worker knows\n").unwrap();
    repository.link(".image-factory/test.yaml", outside.to_str().unwrap());
    let (_, answer) = repository.push().send(&server).await;
    assert!(!answer.to_string().contains("only the worker"), "{answer:#}");
    assert_eq!(server.get("/api/v1/runs").await["runs"], json!([]));
    repository.all_is_well(&server).await;
}

/// An OCI layout of one image for this machine with one layer.
fn layout(folder: &Path, layer: &[u8]) {
    let put = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        digest.to_string()
    };
    let descriptor = |kind: &str, bytes: &[u8]| {
        let media_type = format!("application/vnd.oci.image.{kind}");
        json!({ "mediaType": media_type, "digest": put(bytes), "size": bytes.len() })
    };
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(layer).to_string()] },
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", config.to_string().as_bytes()),
        "layers": [descriptor("layer.v1.tar", layer)],
    });
    let index = json!({
        "schemaVersion": 2, "manifests": [descriptor("manifest.v1+json", manifest.to_string().as_bytes())],
    });
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// A layer of `members`, renamed by an expression as `tar --transform` takes it.
fn layer(tar: &Tool, folder: &Path, rename: &str, members: &[&str]) -> Vec<u8> {
    let output = tar
        .command()
        .current_dir(folder)
        .args(["-P", "-cf", "-", "--transform", rename])
        .args(members)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_climbs_out_writes_and_reads_nothing_outside_podman() {
    const TEST: &str = "a_layer_that_climbs_out_writes_and_reads_nothing_outside_podman";
    let tools = ["podman", "skopeo", "tar"].map(|name| test_parts::tool(name, TEST));
    let [Some(_), Some(skopeo), Some(tar)] = tools else { return };
    let server = Server::start().await;
    let Some(mut repository) = TenantRepository::register(&server, "layers", false, TEST).await else {
        return;
    };
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = outside.path().display();
    std::fs::write(outside.path().join("secret"), "only the worker knows").unwrap();
    std::fs::write(inside.path().join("file"), "from a layer").unwrap();
    std::fs::hard_link(inside.path().join("file"), inside.path().join("second")).unwrap();
    std::os::unix::fs::symlink(outside.path(), inside.path().join("door")).unwrap();
    let climb = "../".repeat(12);
    for (name, rename, members) in [
        ("dots", format!("s,^file$,{climb}{target}/escaped,"), &["file"][..]),
        ("absolute", format!("s,^file$,{target}/escaped,"), &["file"]),
        ("symlink", "s,^file$,door/escaped,rSh".to_owned(), &["door", "file"]),
        ("hardlink", format!("s,^file$,{climb}{target}/secret,RSh"), &["file", "second"]),
    ] {
        let folder = server.folder().join(name);
        std::fs::create_dir(&folder).unwrap();
        layout(&folder, &layer(&tar, inside.path(), &rename, members));
        let pushed = skopeo
            .command()
            .args(["--insecure-policy", "copy", "-q", "--dest-tls-verify=false", "--dest-creds"])
            .arg(format!("admin:{}", server.token()))
            .arg(format!("oci:{}", folder.display()))
            .arg(format!("docker://{}/default/hostile:{name}", server.host()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
        let detail = repository
            .run_after_a_tag(
                &server,
                &format!(
                    "  base:\n    needs: [tag]\n    uses: container/assemble@v1\n    with:\n      from: \
                     hostile:{name}\n      layers: []\n  late:\n    uses: container/run@v1\n    with:\n      \
                     image: ${{{{ steps.base.outputs.image }}}}\n      script: cat /second\n"
                ),
            )
            .await;
        assert_eq!(detail["run"]["status"], "failed", "{name}: {detail:#}");
        assert_eq!(detail["run"]["compensation"], "complete", "{name}: {detail:#}");
        let error = step(&detail, "late")["error"].to_string();
        if ["dots", "hardlink"].contains(&name) {
            assert!(error.contains("leads out of the image"), "{name}: {error}");
        } else {
            // It came as far as unpacking: refused there, or kept inside, where there is no shell.
            assert!(error.contains("processing tar file") || error.contains("/bin/sh"), "{name}: {error}");
        }
        assert_eq!(files(outside.path()).len(), 1, "{name}: something was written outside");
        let secret = std::fs::read_to_string(outside.path().join("secret")).unwrap();
        assert_eq!(secret, "only the worker knows", "{name}");
    }
    repository.all_is_well(&server).await;
}
