//! How connections to a server are set up.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection};

use super::database::PgOptions;
use crate::{Error, Place};

/// How long a caller waits for a free connection before it fails.
const POOL_TIMEOUT: Duration = Duration::from_secs(30);
/// Prepared statements kept by each connection.
const STATEMENTS: usize = 256;
/// The oldest version that the tests run on, as the server counts.
const OLDEST: i32 = 15_00_00;

/// What holds on every connection. A commit is answered only when it is on the disk, whatever the server's default;
/// a transaction whose process stands still gives its locks back, nobody waits for a lock for ever, and a process whose
/// machine is gone is given up after a minute.
const SETTINGS: &str = "\
SET default_transaction_isolation = 'read committed';
SET idle_in_transaction_session_timeout = '60s';
SET lock_timeout = '30s';
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// A connection outside the pool, to look at the server and to migrate.
pub(super) async fn single(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    options.clone().disable_statement_logging().connect().await
}

/// The connections that reads and writes share.
pub(super) async fn pool(options: PgConnectOptions, how: PgOptions) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        .max_connections(how.connections.max(1))
        .acquire_timeout(POOL_TIMEOUT)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(SETTINGS).await.map(drop) }))
        .connect_with(options.statement_cache_capacity(STATEMENTS).disable_statement_logging())
        .await
}

/// Refuses a server that would read or keep something else than what was written.
pub(super) async fn check(connection: &mut PgConnection, place: &Place) -> Result<(), Error> {
    let (version, encoding, synced): (i32, String, String) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), \
         current_setting('fsync')",
    )
    .fetch_one(connection)
    .await
    .map_err(|source| super::database::statement(place, source))?;
    let unfit = |reason: String| Err(Error::Unfit { place: place.clone(), reason });
    if version < OLDEST {
        let (found, oldest) = (version / 10_000, OLDEST / 10_000);
        return unfit(format!("the server is PostgreSQL {found}; the factory needs {oldest} or newer"));
    }
    if encoding != "UTF8" {
        return unfit(format!("the database is encoded in {encoding}; make one with ENCODING 'UTF8'"));
    }
    if synced == "off" {
        tracing::warn!(%place, "the server runs with fsync=off: it loses what it answered when the power goes");
    }
    Ok(())
}

/// Ends a connection outside the pool; whether it ends well matters to nobody.
pub(super) async fn end(connection: PgConnection) {
    let _ = connection.close().await;
}
