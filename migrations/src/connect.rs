//! How connections to a database file are set up.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, SqliteConnection};

/// How long a statement waits for another process, such as a person's `sqlite3`, to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a read waits for a free connection before it fails.
const POOL_TIMEOUT: Duration = Duration::from_secs(30);
/// What the write-ahead log keeps of its file after a burst, in bytes.
const LOG_BYTES: &str = "67108864";
/// Prepared statements kept by each connection.
const STATEMENTS: usize = 256;

fn common(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging()
}

/// The one connection that writes. Creates the file where there is none.
pub(crate) async fn writer(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    common(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit is answered only when it is on the disk; NORMAL would lose acknowledged ones with the power.
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", LOG_BYTES)
        .thread_name(|id| format!("db-writer-{id}"))
        .connect()
        .await
}

/// Connections that can only read. The file must exist.
pub(crate) async fn readers(path: &Path, count: u32) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(count.max(1))
        .acquire_timeout(POOL_TIMEOUT)
        // A connection to a local file does not go stale, so it is not asked before each use.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(common(path).read_only(true).thread_name(|id| format!("db-reader-{id}")))
        .await
}
