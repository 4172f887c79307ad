//! What a caller of [`Database::write`] may count on.

#![expect(clippy::unwrap_used, reason = "a test ends where its ground gives way")]

use std::path::Path;
use std::time::Duration;

use migrations::{Database, Error, Fault, Options, Schema, Work};
use sqlx::SqliteConnection;

/// The error of these tests' jobs.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Database(#[from] Error),
    #[error(transparent)]
    Statement(#[from] sqlx::Error),
    #[error("refused")]
    Refused,
}

async fn open(folder: &Path, queue: usize) -> Database {
    let options = Options { queue, readers: 2 };
    let database = Database::open(folder.join("test.db"), Schema::Engine, options).await.unwrap();
    database.write(|c| run(c, "CREATE TABLE IF NOT EXISTS note (text TEXT NOT NULL UNIQUE)")).await.unwrap();
    database
}

fn run<'c>(connection: &'c mut SqliteConnection, sql: &'static str) -> Work<'c, Result<(), Failure>> {
    Box::pin(async move {
        sqlx::raw_sql(sql).execute(connection).await?;
        Ok(())
    })
}

async fn note(database: &Database, text: String) -> Result<(), Failure> {
    database
        .write(move |c| {
            Box::pin(async move {
                sqlx::query("INSERT INTO note (text) VALUES ($1)").bind(text).execute(c).await?;
                Ok(())
            })
        })
        .await
}

async fn notes(database: &Database) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM note").fetch_one(database.reads()).await.unwrap()
}

/// Lets the held first job go and collects everyone: they shared one batch.
async fn together<T: Send + 'static>(
    jobs: Vec<tokio::task::JoinHandle<T>>,
    hold: tokio::sync::oneshot::Sender<()>,
    first: tokio::task::JoinHandle<Result<(), Failure>>,
) -> (Result<(), Failure>, Vec<T>) {
    tokio::time::sleep(Duration::from_millis(50)).await;
    hold.send(()).unwrap();
    let first = first.await.unwrap();
    let mut results = Vec::new();
    for job in jobs {
        results.push(job.await.unwrap());
    }
    (first, results)
}

/// A job that waits for a sign, so that others gather behind it.
fn held(
    database: &Database,
) -> (tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<Result<(), Failure>>) {
    let (sign, wait) = tokio::sync::oneshot::channel::<()>();
    let database = database.clone();
    let task = tokio::spawn(async move {
        database
            .write(move |c| {
                Box::pin(async move {
                    let _ = wait.await;
                    sqlx::query("INSERT INTO note (text) VALUES ('held')").execute(c).await?;
                    Ok(())
                })
            })
            .await
    });
    (sign, task)
}

fn spawn_note(database: &Database, text: &str) -> tokio::task::JoinHandle<Result<(), Failure>> {
    let (database, text) = (database.clone(), text.to_owned());
    tokio::spawn(async move { note(&database, text).await })
}

#[tokio::test]
async fn a_failing_job_takes_only_its_own_writes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path(), 16).await;
    let (hold, first) = held(&database);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let good = spawn_note(&database, "good");
    let bad = {
        let database = database.clone();
        tokio::spawn(async move {
            database
                .write(|c| {
                    Box::pin(async move {
                        sqlx::query("INSERT INTO note (text) VALUES ('bad')").execute(c).await?;
                        Err(Failure::Refused)
                    })
                })
                .await
        })
    };
    let twice = spawn_note(&database, "held");
    let (first, results) = together(vec![good, bad, twice], hold, first).await;
    assert!(first.is_ok());
    assert!(results[0].is_ok());
    assert!(matches!(results[1], Err(Failure::Refused)));
    assert!(matches!(&results[2], Err(Failure::Statement(error)) if Fault::of(error) == Fault::Constraint));
    assert_eq!(notes(&database).await, 2);
}

#[tokio::test]
async fn a_panicking_job_does_not_stop_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path(), 16).await;
    let result: Result<(), Failure> = database
        .write(|c| {
            Box::pin(async move {
                sqlx::query("INSERT INTO note (text) VALUES ('lost')").execute(c).await?;
                panic!("on purpose")
            })
        })
        .await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("on purpose"), "{error}");
    let early: Result<(), Failure> = database.write(|_| panic!("before the first await")).await;
    assert!(early.is_err());
    note(&database, "kept".into()).await.unwrap();
    assert_eq!(notes(&database).await, 1);
}

#[tokio::test]
async fn a_failing_commit_fails_everyone_in_it_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path(), 16).await;
    database
        .write(|c| {
            run(c, "CREATE TABLE late (text TEXT REFERENCES note (text) DEFERRABLE INITIALLY DEFERRED)")
        })
        .await
        .unwrap();
    let (hold, first) = held(&database);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let innocent = spawn_note(&database, "innocent");
    let culprit = {
        let database = database.clone();
        tokio::spawn(
            async move { database.write(|c| run(c, "INSERT INTO late (text) VALUES ('nobody')")).await },
        )
    };
    let (first, results) = together(vec![innocent, culprit], hold, first).await;
    for result in std::iter::once(first).chain(results) {
        let error = result.unwrap_err();
        let Failure::Database(Error::Commit { jobs: 3, .. }) = error else { panic!("{error}") };
    }
    assert_eq!(notes(&database).await, 0);
    note(&database, "after".into()).await.unwrap();
    assert_eq!(notes(&database).await, 1);
}

#[tokio::test]
async fn a_full_disk_is_named_and_writing_goes_on_when_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path(), 16).await;
    database.write(|c| run(c, "PRAGMA max_page_count = 20")).await.unwrap();
    let (hold, first) = held(&database);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let innocent = spawn_note(&database, "innocent");
    let huge = spawn_note(&database, &"x".repeat(1 << 20));
    let (_, results) = together(vec![innocent, huge], hold, first).await;
    let Err(Failure::Statement(error)) = &results[1] else { panic!("{:?}", results[1]) };
    assert_eq!(Fault::of(error), Fault::DiskFull);
    // SQLite may give up the whole transaction here. Whoever was told of a success must find it.
    let kept = notes(&database).await;
    assert_eq!(kept == 2, results[0].is_ok(), "{kept}: {:?}", results[0]);
    database.write(|c| run(c, "PRAGMA max_page_count = 1000000")).await.unwrap();
    note(&database, "after".into()).await.unwrap();
    assert_eq!(notes(&database).await, kept + 1);
}

#[tokio::test]
async fn a_full_queue_waits_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path(), 2).await;
    let tasks: Vec<_> = (0..100).map(|n| spawn_note(&database, &n.to_string())).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(notes(&database).await, 100);
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path(), 64).await;
    let (hold, first) = held(&database);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let tasks: Vec<_> = (0..20).map(|n| spawn_note(&database, &n.to_string())).collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let closing = {
        let database = database.clone();
        tokio::spawn(async move { database.close().await })
    };
    hold.send(()).unwrap();
    closing.await.unwrap();
    first.await.unwrap().unwrap();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let error = note(&database, "late".into()).await.unwrap_err();
    assert!(matches!(error, Failure::Database(Error::Closed { .. })), "{error}");
    database.close().await;
    let reopened = open(folder.path(), 64).await;
    assert_eq!(notes(&reopened).await, 21);
}

#[tokio::test]
async fn a_closed_database_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path(), 4).await;
    note(&database, "x".into()).await.unwrap();
    assert_eq!(notes(&database).await, 1);
    database.close().await;
    let files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["test.db"]);
}

#[tokio::test]
async fn readers_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path(), 4).await;
    let error =
        sqlx::query("INSERT INTO note (text) VALUES ('x')").execute(database.reads()).await.unwrap_err();
    assert_eq!(Fault::of(&error), Fault::ReadOnly);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    std::fs::write(&path, "certainly not a database, only a text of some length".repeat(100)).unwrap();
    let error = Database::open(&path, Schema::Engine, Options::default()).await.err().unwrap();
    assert_eq!(error.fault(), Some(Fault::Corrupt), "{error}");
    assert!(error.to_string().contains("test.db"), "{error}");
}

#[tokio::test]
async fn a_folder_that_is_missing_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = Database::open(folder.path().join("no/test.db"), Schema::Engine, Options::default())
        .await
        .err()
        .unwrap();
    assert_eq!(error.fault(), Some(Fault::Unopenable), "{error}");
}

#[tokio::test]
async fn commits_wait_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path(), 4).await;
    let (mode, synchronous, keys): (String, i64, i64) = database
        .write(|c| {
            Box::pin(async move {
                let mode = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *c).await?;
                let synchronous = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *c).await?;
                let keys = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut *c).await?;
                Ok::<_, Failure>((mode, synchronous, keys))
            })
        })
        .await
        .unwrap();
    assert_eq!((mode.as_str(), synchronous, keys), ("wal", 2, 1));
}
