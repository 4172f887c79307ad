//! `kill -9` in the middle of a put: what was answered is there and whole, what was not is not visible.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use registry::{Registry, Verdict};
use vocab::{Clock as _, Digest, ManualClock, Timestamp};

use crate::support::{open, settings};

/// Tells the child where to work, and that it is one.
const FOLDER: &str = "REGISTRY_CRASH_FOLDER";

/// So many blobs are put, should somebody want an end.
const MOST: &str = "REGISTRY_CRASH_MOST";

#[expect(
    clippy::disallowed_methods,
    reason = "a parent tells its child by environment; nothing is configured"
)]
fn most() -> u64 {
    std::env::var(MOST).map_or(u64::MAX, |most| most.parse().unwrap())
}

async fn open_in(folder: &Path) -> (Registry, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
    let settings = settings(&folder.join("content"), Arc::clone(&clock));
    (Registry::open(settings, open(folder).await, 4).await.unwrap(), clock)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the child is this test program itself, which no tenant has a part in"
)]
fn child(test: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a parent tells its child by environment; nothing is configured"
)]
fn folder_of_child() -> Option<std::path::PathBuf> {
    std::env::var_os(FOLDER).map(Into::into)
}

#[tokio::test]
#[ignore = "it is the child of another test and runs until it is killed"]
async fn put_one_blob_for_ever() {
    let Some(folder) = folder_of_child() else { return };
    let (registry, _) = open_in(&folder).await;
    let slow = futures::stream::repeat_with(|| Ok::<_, String>(Bytes::from(vec![7; 1 << 20]))).take(60).then(
        async |part| {
            tokio::time::sleep(Duration::from_millis(50)).await;
            part
        },
    );
    registry.content().put(Box::pin(slow), None).await.unwrap();
}

#[tokio::test]
#[ignore = "it is the child of another test and runs until it is killed"]
async fn put_and_hold_many_blobs() {
    let Some(folder) = folder_of_child() else { return };
    let (registry, _) = open_in(&folder).await;
    for number in 0..most() {
        let blob = registry.content().put_bytes(format!("blob {number}").repeat(1000).into()).await.unwrap();
        registry.content().hold("run/1", std::slice::from_ref(&blob.digest)).await.unwrap();
        let mut out = std::io::stdout();
        out.write_all(format!("held {}\n", blob.digest).as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn a_put_that_is_killed_leaves_no_visible_blob() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = child("crash::put_one_blob_for_ever", folder.path());
    let temporary = folder.path().join("content/tmp");
    let size = || {
        let entries = std::fs::read_dir(&temporary).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum::<u64>()
    };
    for _ in 0..400 {
        if size() >= 2 << 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let written = size();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(written >= 2 << 20, "the child was killed before it wrote");
    let (registry, clock) = open_in(folder.path()).await;
    assert!(
        !registry.content().exists(&Digest::of(vec![7; usize::try_from(written).unwrap()])).await.unwrap()
    );
    let swept = registry.sweep(clock.now(), Duration::from_secs(3600)).await.unwrap();
    assert_eq!(swept.files, 1);
    assert!(swept.bytes >= written);
    assert_eq!(
        walkdir::WalkDir::new(folder.path().join("content"))
            .into_iter()
            .filter(|e| e.as_ref().unwrap().file_type().is_file())
            .count(),
        0
    );
}

#[tokio::test]
async fn what_was_answered_before_the_kill_is_there_and_whole() {
    for lines in [3, 20] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = child("crash::put_and_hold_many_blobs", folder.path());
        let out = BufReader::new(child.stdout.take().unwrap());
        let held: Vec<Digest> = out
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("held ")?.parse().ok())
            .take(lines)
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(held.len(), lines);
        let (registry, clock) = open_in(folder.path()).await;
        clock.advance(Duration::from_secs(24 * 3600));
        registry.sweep(clock.now(), Duration::ZERO).await.unwrap();
        for digest in held {
            assert_eq!(registry.content().verify(&digest).await.unwrap(), Verdict::Intact);
        }
    }
}

/// A kill leaves what the kernel has; when the power goes, only what was synced is there.
#[tokio::test]
async fn what_was_answered_before_the_power_went_is_there_and_whole_by_strace() {
    const TEST: &str = "what_was_answered_before_the_power_went_is_there_and_whole_by_strace";
    const CALLS: &str = "trace=openat,write,pwrite64,lseek,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat";
    let (Some(strace), Some(python)) = (test_parts::tool("strace", TEST), test_parts::tool("python3", TEST))
    else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let (folder, log, disks) = (home.path().join("data"), home.path().join("log"), home.path().join("disks"));
    // As a process left them that was killed before it could sync anything.
    for shard in 0..256 {
        let shard = folder.join(format!("content/blobs/sha256/{shard:02x}"));
        std::fs::create_dir_all(shard).unwrap();
    }
    let ended = strace
        .command()
        .args(["-f", "-y", "-xx", "-s", "10000000", "-e", CALLS, "-o"])
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "crash::put_and_hold_many_blobs", "--ignored", "--nocapture"])
        .env(FOLDER, &folder)
        .env(MOST, "16")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(ended.success(), "{ended}");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/power_loss.py");
    let replayed = python.command().arg(script).args([&log, &folder, &disks]).arg("60").output().unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let text = String::from_utf8(replayed.stdout).unwrap();
    let mut most = 0;
    for line in text.lines() {
        let disk: serde_json::Value = serde_json::from_str(line).unwrap();
        let told =
            disk["told"].as_array().unwrap().iter().filter_map(|line| line.as_str()?.strip_prefix("held "));
        let held: Vec<Digest> = told.map(|digest| digest.parse().unwrap()).collect();
        most = most.max(held.len());
        let place = disk["state"].as_str().unwrap();
        let (registry, _) = open_in(Path::new(place)).await;
        for digest in held {
            assert_eq!(
                registry.content().verify(&digest).await.unwrap(),
                Verdict::Intact,
                "{place}: {digest}"
            );
        }
    }
    assert_eq!(most, 16);
    test_parts::note("losses of power", &text.lines().count().to_string(), "blobs that were held");
}
