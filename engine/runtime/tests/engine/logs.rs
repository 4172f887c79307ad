//! Logs go to the content store when their attempt ends, whatever happens in between, and read the same.

use std::path::Path;
use std::sync::Arc;

use engine_ports::{HoldOwner, LogRecord, LogStream, RunStore as _, StepLog as _};
use engine_runtime::{Engine, LogLine, LogName, Logs, SystemClock};
use futures::{StreamExt as _, TryStreamExt as _};
use vocab::{RunId, RunStatus, TenantName};

use crate::faults::Fault;
use crate::world::{BOTH, On, World};

const ONE: &str = "steps:\n  a:\n    uses: test/pure@v1\n";

fn name(run: RunId, attempt: u32) -> LogName {
    LogName::Attempt { run, path: "a".parse().unwrap(), attempt }
}

async fn lines(logs: &Logs, run: RunId, offset: u64) -> Vec<LogLine> {
    logs.follow(name(run, 1), offset).try_collect().await.unwrap()
}

async fn record(world: &World, run: RunId) -> Option<LogRecord> {
    world.store.logs(run, &"a".parse().unwrap()).await.unwrap().pop()
}

/// Waits until the only log of the run is archived and its file gone.
async fn archived(world: &World, run: RunId) -> LogRecord {
    let folder = world.home.path().join("logs").join(run.to_string());
    for _ in 0..1000 {
        if let Some(record) = record(world, run).await.filter(|_| !folder.exists()) {
            return record;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the log of run {run} is not archived: {:?}", record(world, run).await);
}

async fn ended(world: &World, engine: &Engine) -> RunId {
    let row = world.run(engine, ONE).await;
    assert_eq!(row.status, RunStatus::Succeeded, "{:?}", row.error);
    row.id
}

fn files(folder: &Path) -> usize {
    walkdir::WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file()).count()
}

#[tokio::test]
async fn a_finished_log_is_content_and_reads_the_same_from_every_line() {
    for on in BOTH {
        let world = World::new(on).await;
        let engine = world.start().await;
        let run = ended(&world, &engine).await;
        let record = archived(&world, run).await;
        assert_eq!(world.artifacts.owners(&record.digest), [HoldOwner::Run(run)]);
        let all = lines(engine.logs(), run, 0).await;
        assert!(all.iter().any(|line| line.entry.text.starts_with("cache: miss")), "{all:?}");
        assert_eq!(all.last().unwrap().next, record.bytes);
        for (index, line) in all.iter().enumerate() {
            assert_eq!(lines(engine.logs(), run, line.next).await, all[index + 1..]);
        }
        assert_eq!(engine.logs().attempts(run, &"a".parse().unwrap()).await.unwrap(), [1]);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn a_crash_before_or_after_the_record_leaves_a_log_that_the_next_start_archives() {
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        let mut world = World::new(On::Sqlite).await;
        let logs = world.logs(Arc::new(SystemClock::new()));
        let (tenant, path) = (TenantName::default_tenant(), "a".parse().unwrap());
        let engine = world.start().await;
        let run = ended(&world, &engine).await;
        archived(&world, run).await;
        engine.shutdown().await;
        // Another attempt's log, as a process leaves it that dies while it archives.
        let log = logs.write(name(run, 2));
        log.line(LogStream::Stdout, "still here");
        // While it is written, it stays where it is.
        logs.archive(&tenant, run, &path, 2).await.unwrap();
        assert_eq!(files(&world.home.path().join("logs")), 1);
        drop(log);
        world.store.plan(1, fault);
        logs.archive(&tenant, run, &path, 2).await.unwrap_err();
        world = world.reborn();
        assert_eq!(files(&world.home.path().join("logs")), 1, "{fault:?}");
        let read = world.logs(Arc::new(SystemClock::new())).read(name(run, 2), 0, 10).await.unwrap();
        assert_eq!(read.len(), 1, "{fault:?}");
        let engine = world.start().await;
        while files(&world.home.path().join("logs")) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(world.log(&engine, run, "a", 2).await, ["still here"], "{fault:?}");
        assert_eq!(engine.logs().attempts(run, &path).await.unwrap(), [1, 2]);
        world.close(engine).await;
    }
}

#[tokio::test]
async fn readers_see_no_gap_while_the_file_becomes_content() {
    let world = World::new(On::Sqlite).await;
    let engine = world.start().await;
    let run = ended(&world, &engine).await;
    archived(&world, run).await;
    let logs = engine.logs();
    let (tenant, path) = (TenantName::default_tenant(), "a".parse().unwrap());
    for attempt in 2..30 {
        let log = logs.write(name(run, attempt));
        for number in 0..200 {
            log.line(LogStream::Stdout, &number.to_string());
        }
        // One began before the end, others come at any time.
        let mut early = Box::pin(logs.follow(name(run, attempt), 0));
        assert_eq!(early.next().await.unwrap().unwrap().entry.text, "0");
        let unread = logs.follow(name(run, attempt), 0);
        drop(log);
        let late = async {
            for _ in 0..10 {
                let all: Vec<_> = logs.follow(name(run, attempt), 0).try_collect().await.unwrap();
                assert_eq!(all.len(), 200);
                assert!(logs.attempts(run, &path).await.unwrap().contains(&attempt));
            }
        };
        let (archived, ()) = tokio::join!(logs.archive(&tenant, run, &path, attempt), late);
        archived.unwrap();
        assert_eq!(early.count().await, 199);
        assert_eq!(unread.count().await, 200, "it was asked for while the log was open, and read after");
    }
    world.close(engine).await;
}

#[tokio::test]
async fn files_of_a_run_that_is_gone_are_removed() {
    let world = World::new(On::Memory).await;
    let logs = world.logs(Arc::new(SystemClock::new()));
    let gone = RunId::generate(&engine_runtime::SystemIds::new());
    logs.write(name(gone, 1)).line(LogStream::Stdout, "x");
    std::fs::create_dir_all(world.home.path().join("logs/a-folder-of-somebody")).unwrap();
    logs.archive_left().await.unwrap();
    let left: Vec<_> = std::fs::read_dir(world.home.path().join("logs")).unwrap().collect();
    assert_eq!(left.len(), 1);
}
