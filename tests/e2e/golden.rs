//! The tenant's example for real: Debian from the mirror, buildah, a container, and the server killed in each of them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::crash::kill_in;
use crate::support::{Server, TenantRepository};

const TEST: &str = "the_golden_debian_survives_a_kill_in_each_slow_step_buildah";

/// Every file of the example, as a tenant would commit it.
fn write_example(repository: &TenantRepository, folder: &Path, below: &Path) {
    for entry in std::fs::read_dir(folder).expect("the example").flatten() {
        let path = entry.path();
        if path.is_dir() {
            write_example(repository, &path, below);
        } else {
            let name = path.strip_prefix(below).expect("a path below the example");
            let text = std::fs::read_to_string(&path).expect("a text");
            repository.write(name.to_str().expect("a plain name"), &text);
        }
    }
}

/// Mount points below the data folder, as any process of this machine's first namespace sees them.
fn mounts_below(folder: &Path) -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("the mounts");
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    points.filter(|point| Path::new(point).starts_with(folder)).map(str::to_owned).collect()
}

/// Processes whose environment or command line names the data folder, besides the server.
fn processes_of(folder: &Path, server: &Server) -> Vec<String> {
    let name = folder.to_str().expect("a plain name");
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("the processes").flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let pid = entry.file_name().to_string_lossy().into_owned();
        if line.contains(name) && server.pid() != pid.parse().ok() {
            found.push(format!("{pid} {line}"));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_golden_debian_survives_a_kill_in_each_slow_step_buildah() {
    for tool in ["mmdebstrap", "buildah", "podman", "runc"] {
        if test_parts::tool(tool, TEST).is_none() {
            return;
        }
    }
    let mut server = Server::start().await;
    let Some(mut repository) = TenantRepository::register(&server, "golden-debian", false, TEST).await else {
        return;
    };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/golden-debian");
    write_example(&repository, &example, &example);

    let run = repository.push_run(&server).await;
    for victim in ["rootfs", "build", "smoke"] {
        kill_in(&mut server, &run, victim, Duration::from_secs(1)).await;
        server.start_again().await;
    }
    let detail = server.finished(&run).await;
    assert_eq!(detail["run"]["status"], "succeeded", "{detail:#}");
    let events = server.events(&run).await;
    let lost: BTreeSet<_> = events
        .iter()
        .filter(|event| event["kind"] == "attempt_lost")
        .filter_map(|event| event["payload"]["path"].as_str())
        .collect();
    test_parts::note("kill points", &lost.iter().copied().collect::<Vec<_>>().join(" "), TEST);
    assert_eq!(lost, BTreeSet::from(["rootfs", "build", "smoke"]), "each of them was killed");
    for step in ["source", "rootfs", "build", "smoke", "push", "tag"] {
        let successes = events
            .iter()
            .filter(|event| event["kind"] == "attempt_succeeded" && event["payload"]["path"] == step)
            .count();
        assert_eq!(successes, 1, "successes of {step}");
    }
    let digest = server.tag("golden/debian", "bookworm").await.expect("a tag");
    assert!(detail["run"]["outputs"]["image"].as_str().is_some_and(|image| image.ends_with(&digest)));
    assert_eq!(mounts_below(server.folder()), Vec::<String>::new());
    assert_eq!(processes_of(server.folder(), &server), Vec::<String>::new());
}
