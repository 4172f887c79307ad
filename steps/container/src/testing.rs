//! What tests against real tools build on: a root file system of a few of the worker's own programs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine_ports::ImageStore as _;
use serde_json::Value as Json;
use steps_kit::harness::Harness;
use tree::{Owners, PackOptions};
use vocab::{ArtifactKind, ArtifactRef};

const PROGRAMS: [&str; 13] =
    ["sh", "cat", "ls", "id", "env", "touch", "sleep", "mkdir", "stat", "rm", "chmod", "chown", "setsid"];

/// A root file system with a shell, as a tree. It is the same for all tests of one machine.
pub(crate) fn shell_tree(harness: &Harness) -> ArtifactRef {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mut files = BTreeSet::new();
    for program in PROGRAMS {
        let path = PathBuf::from("/bin").join(program);
        files.extend(libraries(&path));
        copy(&path, &root.join("bin").join(program));
    }
    for library in files {
        copy(&library, &root.join(library.strip_prefix("/").unwrap()));
    }
    for (path, text) in [
        ("etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"),
        ("etc/group", "root:x:0:\n"),
        ("etc/hosts", "127.0.0.1 localhost\n"),
        ("etc/hostname", "localhost\n"),
        ("etc/resolv.conf", ""),
    ] {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    for path in ["run", "tmp", "proc", "sys", "dev"] {
        std::fs::create_dir_all(root.join(path)).unwrap();
    }
    let mut tar = Vec::new();
    std::fs::set_permissions(root.join("tmp"), std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
    tree::pack(
        root,
        &mut tar,
        &PackOptions {
            owners: Owners::Root,
            ..PackOptions::at(0, tree::Limits::from(&vocab::Limits::default()))
        },
    )
    .unwrap();
    harness.artifacts.put(ArtifactKind::Tree, &tar).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from, to).unwrap();
}

/// The libraries that a program of the worker is linked with, and its loader.
#[expect(clippy::disallowed_methods, reason = "tests drive other programs; no tenant's code runs here")]
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = std::process::Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// All that can be read of an image: manifest, config, and the plain bytes of its layers.
pub(crate) async fn everything(harness: &Harness, image: &ArtifactRef) -> (Json, Json, Vec<Vec<u8>>) {
    let manifest = harness.images.manifest(&image.digest).await.unwrap();
    let manifest: Json = serde_json::from_slice(&manifest.bytes).unwrap();
    let config = blob(harness, &manifest["config"]).await;
    let config = serde_json::from_slice(&config).unwrap();
    let mut layers = Vec::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let bytes = blob(harness, layer).await;
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut plain).unwrap();
        layers.push(plain);
    }
    (manifest, config, layers)
}

async fn blob(harness: &Harness, descriptor: &Json) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap().parse().unwrap();
    let mut bytes = Vec::new();
    let mut stream = harness.images.open_blob(&digest).await.unwrap();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await.unwrap();
    bytes
}

/// The paths in a layer.
pub(crate) fn paths(layer: &[u8]) -> Vec<String> {
    tar::Archive::new(layer)
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned())
        .collect()
}

/// What is mounted below `folder` in the namespace of the tests.
pub(crate) fn mounts_below(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let folder = folder.to_string_lossy().into_owned();
    text.lines().filter(|line| line.contains(&folder)).map(str::to_owned).collect()
}
