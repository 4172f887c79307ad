//! The one task that writes: a bounded queue, a savepoint for each job, one COMMIT for each batch.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::JoinHandle;

use crate::job::{Job, Ticket, Work};
use crate::{Error, Fault, Place, connect};

/// The handle of the writing task.
pub(crate) struct Writer {
    path: PathBuf,
    queue: mpsc::Sender<Box<dyn Job>>,
    closing: Arc<Notify>,
    task: Mutex<Option<JoinHandle<Option<SqliteConnection>>>>,
}

impl Writer {
    /// Starts the task. At most `queue` jobs wait, and at most as many share a commit.
    pub(crate) fn start(connection: SqliteConnection, path: PathBuf, queue: usize) -> Self {
        let bound = queue.max(1);
        let (sender, jobs) = mpsc::channel(bound);
        let closing = Arc::new(Notify::new());
        let turn = Turn { connection: Some(connection), path: path.clone(), jobs, bound, halted: None };
        let task = tokio::spawn(turn.run(Arc::clone(&closing)));
        Self { path, queue: sender, closing, task: Mutex::new(Some(task)) }
    }

    pub(crate) async fn write<T, E, J>(&self, job: J) -> Result<T, E>
    where
        J: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let closed = || E::from(Error::Closed { place: self.path.as_path().into() });
        let (ticket, answer) = Ticket::new(job);
        self.queue.send(Box::new(ticket)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Refuses new jobs, finishes the queued ones and gives the connection back, to be closed last. `None` when
    /// that was done before, or the connection was lost.
    pub(crate) async fn drain(&self) -> Option<SqliteConnection> {
        self.closing.notify_one();
        let task = self.task.lock().await.take()?;
        task.await.unwrap_or_else(|error| {
            tracing::error!(path = %self.path.display(), %error, "the database's writer ended early");
            None
        })
    }
}

/// The state of the writing task.
struct Turn {
    /// `None` after a failed batch: the next one opens a fresh connection, whose state is known.
    connection: Option<SqliteConnection>,
    path: PathBuf,
    jobs: mpsc::Receiver<Box<dyn Job>>,
    bound: usize,
    /// Why nothing is written any more.
    halted: Option<Error>,
}

/// Where a batch stopped. None of its jobs is on the disk.
enum Stop {
    /// The connection, or the beginning of the transaction, failed.
    Begin(sqlx::Error),
    /// A job's savepoint could not be ended: the database had given up the whole transaction.
    Lost(sqlx::Error),
    /// The commit failed.
    Commit(sqlx::Error),
}

impl Turn {
    async fn run(mut self, closing: Arc<Notify>) -> Option<SqliteConnection> {
        let mut open = true;
        loop {
            let first = tokio::select! {
                biased;
                () = closing.notified(), if open => {
                    self.jobs.close();
                    open = false;
                    continue;
                }
                job = self.jobs.recv() => job,
            };
            let Some(first) = first else { return self.connection };
            self.batch(first).await;
        }
    }

    /// Runs `first` and what waits behind it, commits, and answers everyone.
    async fn batch(&mut self, first: Box<dyn Job>) {
        if let Some(halted) = &self.halted {
            return first.settle(Err(halted.clone()));
        }
        let mut ran = vec![first];
        let outcome = match self.attempt(&mut ran).await {
            Ok(()) => Ok(()),
            Err(stop) => {
                let error = self.explain(stop, ran.len());
                tracing::error!(%error, "a batch of writes was not committed");
                self.reset().await;
                Err(error)
            }
        };
        for job in ran {
            job.settle(outcome.clone());
        }
    }

    async fn attempt(&mut self, ran: &mut Vec<Box<dyn Job>>) -> Result<(), Stop> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(connect::writer(&self.path).await.map_err(Stop::Begin)?),
        };
        execute(connection, "BEGIN IMMEDIATE; SAVEPOINT job").await.map_err(Stop::Begin)?;
        while let Some(job) = ran.last_mut() {
            let kept = job.run(connection, &self.path).await;
            if !kept {
                // The savepoint itself stays: the next job runs in it.
                execute(connection, "ROLLBACK TO job").await.map_err(Stop::Lost)?;
            }
            if ran.len() == self.bound {
                break;
            }
            let Ok(next) = self.jobs.try_recv() else { break };
            ran.push(next);
            if kept {
                execute(connection, "RELEASE job; SAVEPOINT job").await.map_err(Stop::Lost)?;
            }
        }
        // Releases the last savepoint as well.
        execute(connection, "COMMIT").await.map_err(Stop::Commit)
    }

    fn explain(&mut self, stop: Stop, jobs: usize) -> Error {
        let place = Place::from(self.path.as_path());
        match stop {
            Stop::Begin(source) => {
                Error::Statement { place, fault: Fault::of(&source), source: Arc::new(source) }
            }
            Stop::Lost(source) => Error::Lost { place, jobs, source: Arc::new(source) },
            Stop::Commit(source) if Fault::of(&source) == Fault::Device => {
                let error = Error::Halted { place, source: Arc::new(source) };
                self.halted = Some(error.clone());
                error
            }
            Stop::Commit(source) => {
                Error::Commit { place, jobs, fault: Fault::of(&source), source: Arc::new(source) }
            }
        }
    }

    /// Drops what a failed batch left in the connection.
    async fn reset(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            // Both may fail on a connection that is broken already; closing it rolls back in any case.
            let _ = execute(&mut connection, "ROLLBACK").await;
            let _ = connection.close().await;
        }
    }
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::tests::with_code;

    /// The result code of a flush that the device refused.
    const FLUSH_FAILED: u32 = 1034;

    fn idle() -> Turn {
        let (_, jobs) = mpsc::channel(1);
        Turn { connection: None, path: PathBuf::from("test.db"), jobs, bound: 1, halted: None }
    }

    fn never(_: &mut SqliteConnection) -> Work<'_, Result<(), Error>> {
        unreachable!("a halted writer runs nothing")
    }

    #[tokio::test]
    async fn after_a_failed_flush_nothing_more_is_written() {
        let mut turn = idle();
        let error = turn.explain(Stop::Commit(with_code(FLUSH_FAILED)), 1);
        assert!(matches!(error, Error::Halted { .. }), "{error}");
        let (job, answer) = Ticket::new(never);
        turn.batch(Box::new(job)).await;
        assert!(matches!(answer.await, Ok(Err(Error::Halted { .. }))));
    }

    #[test]
    fn a_full_disk_does_not_halt_the_writer() {
        let mut turn = idle();
        let error = turn.explain(Stop::Commit(with_code(13)), 3);
        assert!(matches!(error, Error::Commit { fault: Fault::DiskFull, jobs: 3, .. }), "{error}");
        assert!(turn.halted.is_none());
    }
}
