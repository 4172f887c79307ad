//! An open database: a pool to read from and one writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::sqlite::SqlitePool;
use sqlx::{Connection as _, SqliteConnection};

use crate::writer::Writer;
use crate::{Error, Fault, Schema, Work, connect, migrate};

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Writes that may wait; one more waits for its turn to wait. At least 1. `Limits::writer_queue`.
    pub queue: usize,
    /// Connections that read at once. At least 1.
    pub readers: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue: 1024, readers: 4 }
    }
}

/// An open database of the factory. Clones share the file, the pool and the writer.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    readers: SqlitePool,
    writer: Writer,
}

impl Database {
    /// Opens or creates the file, applies the migrations that are missing and starts the writer.
    ///
    /// The caller holds the lock on the data folder: two writers of one file would stall each other.
    ///
    /// # Errors
    /// [`Error::Newer`] and [`Error::Diverged`] when the file belongs to another version; [`Error::Statement`]
    /// and [`Error::Migration`] with the [`Fault`] when the file cannot be opened, read or written.
    pub async fn open(path: impl AsRef<Path>, schema: Schema, options: Options) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let fail = |source: sqlx::Error| statement(&path, source);
        let mut connection = connect::writer(&path).await.map_err(fail)?;
        migrate::run(&mut connection, &path, schema.migrations()).await?;
        let readers = connect::readers(&path, options.readers).await.map_err(fail)?;
        let writer = Writer::start(connection, path.clone(), options.queue);
        Ok(Self { shared: Arc::new(Shared { path, readers, writer }) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Connections that can only read. Each sees what was committed when its statement (or transaction) began.
    pub fn reads(&self) -> &SqlitePool {
        &self.shared.readers
    }

    /// Runs `job` on the writing connection and returns its result once it is on the disk.
    ///
    /// The job runs in a savepoint: when it returns an error or panics, its own writes are rolled back and
    /// nobody else's. It must not begin, commit or roll back itself, and must not wait for another write. When
    /// the queue is full this waits. When the returned future is dropped, the job may still run.
    ///
    /// # Errors
    /// The job's own error, or an [`Error`] when it could not be committed; then it left no trace.
    pub async fn write<T, E, J>(&self, job: J) -> Result<T, E>
    where
        J: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.shared.writer.write(job).await
    }

    /// Names the file in an error that a statement on one of its connections met.
    pub fn error(&self, source: sqlx::Error) -> Error {
        statement(&self.shared.path, source)
    }

    /// Refuses new writes, finishes those that wait, and closes the file. May be called more than once.
    pub async fn close(&self) {
        let writer = self.shared.writer.drain().await;
        self.shared.readers.close().await;
        // The last connection to close folds the write-ahead log into the file, which a reader could not.
        if let Some(connection) = writer
            && let Err(error) = connection.close().await
        {
            tracing::warn!(path = %self.path().display(), %error, "the database did not close cleanly");
        }
    }
}

fn statement(path: &Path, source: sqlx::Error) -> Error {
    Error::Statement { place: path.into(), fault: Fault::of(&source), source: Arc::new(source) }
}
